import type { Problems } from '../problems.ts';
import { shownName } from './aws-names.ts';
import type { AwsObject } from './aws-object.ts';

/**
 * Objects with the name of an earlier one that cannot be told apart, in the AWS provider's words. Returns those that have their
 * problem now; whatever else meets in one file is reported as in any class.
 */
export function findDuplicates(objects: readonly AwsObject[], problems: Problems): Set<AwsObject> {
  const last = new Map<string, AwsObject>();
  const found = new Set<AwsObject>();
  for (const object of objects) {
    const { name, alias, label } = object;
    const before = last.get(name);
    last.set(name, object);
    if (name === '' || before === undefined || before.alias !== alias || before.label !== label) continue;
    const aliases = alias === undefined ? 'no object alias' : `duplicate object alias ${shownName(alias)}`;
    const labels = label === undefined ? 'no version label' : `duplicate version label ${shownName(label)}`;
    problems.error(
      object.source.at,
      `found descriptor with duplicate object name ${shownName(name)}, ${aliases}, and ${labels}`,
    );
    found.add(object);
  }
  return found;
}

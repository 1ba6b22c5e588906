import { formatPlace } from '../../errors.ts';
import type { Output } from '../plan.ts';
import type { Problems } from '../problems.ts';
import { shownName } from './aws-names.ts';
import type { AwsObject } from './aws-object.ts';

/**
 * Objects with the name of an earlier one that cannot be told apart, in the AWS provider's words. Returns those that have their
 * problem now.
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

/**
 * Files by an alias that is the file of an earlier one. Returns those that have their problem now; whatever else meets in one file
 * is reported as in any class.
 */
export function findDuplicateAliases(objects: readonly AwsObject[], problems: Problems): Set<Omit<Output, 'source'>> {
  const first = new Map<string, Omit<Output, 'source'>>();
  const found = new Set<Omit<Output, 'source'>>();
  for (const { alias, outputs } of objects) {
    for (const [index, output] of outputs.entries()) {
      const before = output.path === '' ? undefined : first.get(output.path);
      if (before === undefined) first.set(output.path, output);
      // The first is the object itself, the others are its jmesPath entries, which always have one.
      else if (index > 0 || alias !== undefined) {
        const other = `${formatPlace(before.at)} writes the same file`;
        problems.error(output.at, `found duplicate object alias ${shownName(output.path)}: ${other}`);
        found.add(output);
      }
    }
  }
  return found;
}

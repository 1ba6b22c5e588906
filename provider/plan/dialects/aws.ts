import { readClassFreshness } from '../common-keys.ts';
import { readObjects } from '../objects.ts';
import { checkCollisions } from '../outputs.ts';
import type { Parameters } from '../parameters.ts';
import type { Output, Plan } from '../plan.ts';
import { Problems } from '../problems.ts';
import { Sources } from '../sources.ts';
import { findDuplicateAliases, findDuplicates } from './aws-duplicates.ts';
import { awsFields, awsStruct, readAwsObject } from './aws-object.ts';
import { readAwsClass } from './aws-parameters.ts';
import { toGoMap } from './aws-yaml.ts';

/** Classes of aws/secrets-store-csi-driver-provider-aws, as its users write them. */
export function parseAwsClass(parameters: Parameters): Plan {
  const problems = new Problems();
  const ofClass = readAwsClass(parameters, problems);
  const freshness = readClassFreshness(parameters, problems);
  checkStrayFields(parameters, problems);
  const entries = readObjects(parameters.get('objects'), 'objectName', awsFields, problems, (entry, at) =>
    toGoMap(entry, awsStruct, at, problems),
  );
  const all = entries.map((fields) => readAwsObject(fields, ofClass, freshness, problems));
  const duplicates = findDuplicates(all, problems);
  const objects = all.filter((object) => !duplicates.has(object));
  const sameAliases = findDuplicateAliases(objects, problems);
  const sources = new Sources();
  const outputs: Output[] = [];
  for (const object of objects) {
    const source = sources.add(object.source);
    const files = object.outputs.filter((output) => !sameAliases.has(output));
    outputs.push(...files.map((output) => ({ ...output, source })));
  }
  checkCollisions(outputs, problems);
  problems.throwIfAny();
  return { dialect: 'aws', sources: sources.list, outputs, warnings: problems.warnings };
}

/** Object fields written beside `objects` instead of in it. */
function checkStrayFields(parameters: Parameters, problems: Problems): void {
  const stray = ['objectName', 'objectType', 'objectAlias'].filter((name) => parameters.has(name));
  if (stray.length === 0 || parameters.has('objects')) return;
  const fields = stray.map((name) => `${name}: ${parameters.get(name)?.slice(0, 60)}`).join(', ');
  problems.error({ path: `parameters.${stray[0]}` }, `belongs into the list objects: objects: "- {${fields}}"`);
}

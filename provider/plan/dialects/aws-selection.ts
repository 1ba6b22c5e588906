import { jmesPathProblem } from '../../render/jmespath.ts';
import type { Selection } from '../../render/select.ts';
import { readDecode, readJmesPath, readMode } from '../common-keys.ts';
import { type FieldNames, Fields } from '../fields.ts';
import { checkPath } from '../outputs.ts';
import type { Output } from '../plan.ts';
import type { Problems } from '../problems.ts';
import { fileName } from './aws-names.ts';
import { readFilePermission } from './aws-object.ts';
import type { AwsClass } from './aws-parameters.ts';

const entryFields: FieldNames = {
  known: ['path', 'objectAlias', 'filePermission', 'decode', 'mode'],
  unsupported: [],
  unknown: 'warn',
  required: [['path'], ['objectAlias']],
  mistakes: { alias: 'objectAlias', key: 'path', jmesPath: 'path', objectName: 'objectAlias' },
};

/** A further file of an object, over what the object says of all its files. */
type Further = Pick<Output, 'path' | 'select' | 'decode' | 'at'> & { readonly mode?: number };

/**
 * What of the secret becomes the object's file, and the further files of a `jmesPath` list, which is the AWS provider's own: the
 * object's file holds the whole secret then. A `jmesPath` text is the common key.
 */
export function readSelections(
  fields: Fields,
  ofClass: AwsClass,
  problems: Problems,
): { select: Selection; further: readonly Further[] } {
  const node = fields.node('jmesPath');
  const key = fields.text('key');
  const select: Selection = key === undefined ? { whole: 'keys' } : { key };
  if (node === undefined) return { select, further: [] };
  if (node.kind === 'scalar') {
    const jmesPath = readJmesPath(fields);
    return { select: jmesPath === undefined ? select : { jmesPath }, further: [] };
  }
  if (node.kind !== 'list') {
    fields.error('jmesPath', 'must be a list of {path, objectAlias}');
    return { select, further: [] };
  }
  const further: Further[] = [];
  for (const [index, item] of node.items.entries()) {
    const place = { ...fields.at, path: `${fields.at.path}.jmesPath[${index}]`, line: item.line };
    if (item.kind !== 'map') {
      problems.error(place, 'must have the fields path and objectAlias');
      continue;
    }
    further.push(readEntry(new Fields(item, place, problems), ofClass, problems));
  }
  return { select, further };
}

function readEntry(entry: Fields, ofClass: AwsClass, problems: Problems): Further {
  entry.checkNames(entryFields);
  const jmesPath = entry.text('path') ?? '';
  const alias = entry.text('objectAlias');
  if (jmesPath === '') entry.error('path', 'must be specified for a JMES object');
  else {
    const problem = jmesPathProblem(jmesPath);
    if (problem !== undefined) entry.error('path', `${jmesPath.slice(0, 100)} ${problem}`);
  }
  if (alias === undefined) entry.error('objectAlias', 'must be specified for a JMES object');
  const path = fileName(alias ?? '', ofClass);
  if (alias !== undefined) checkPath(path, entry.place('objectAlias'), problems);
  const mode = readFilePermission(entry) ?? readMode(entry);
  const at = alias === undefined ? entry.at : { ...entry.at, name: alias };
  return { path, select: { jmesPath }, decode: readDecode(entry), ...(mode === undefined ? {} : { mode }), at };
}

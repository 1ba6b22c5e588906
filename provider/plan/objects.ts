import type { Place } from '../errors.ts';
import { shown } from './common-keys.ts';
import { type FieldNames, Fields } from './fields.ts';
import type { Problems } from './problems.ts';
import { isNull, parseYaml, YamlError, type YamlMap, type YamlNode } from './yaml.ts';

/**
 * The list in a class's `objects` parameter, each entry as fields with its place. `nameKey` is the field that names the file in
 * messages. `adapt` gives an entry the meaning that its dialect's own provider gives it. An empty result always comes with a
 * problem. `parameter` is the name of the list where it has another.
 */
export function readObjects(
  text: string | undefined,
  nameKey: string,
  names: FieldNames,
  problems: Problems,
  adapt: (entry: YamlMap, at: Place) => YamlMap = (entry) => entry,
  parameter = 'objects',
): Fields[] {
  const at: Place = { path: parameter };
  const root = parse(text ?? '', at, names, problems);
  if (root === undefined) return [];
  if (isNull(root)) {
    problems.error(at, `is missing or empty; it must list what to mount, for example ${example(names)}`);
    return [];
  }
  if (root.kind !== 'list') {
    problems.error({ ...at, line: root.line }, notAList(root));
    return [];
  }
  if (root.items.length === 0) problems.error(at, 'is an empty list; no secret would be mounted');
  return root.items.flatMap((item, index) => {
    const path = `${parameter}[${index}]`;
    if (item.kind !== 'map') {
      const what = isNull(item) ? 'empty' : `a ${item.kind === 'list' ? 'list' : 'text'}`;
      problems.error({ path, line: item.line }, `must be an object with fields, but is ${what}`);
      return [];
    }
    const entry = adapt(item, { path, line: item.line });
    const name = entry.entries.find(({ key }) => key === nameKey)?.value;
    const named = name?.kind === 'scalar' && name.text !== '' && name.text.length <= 100 ? { name: name.text } : {};
    const fields = new Fields(entry, { path, ...named, line: item.line }, problems);
    fields.checkNames(names);
    return [fields];
  });
}

function parse(text: string, at: Place, { lastCounts }: FieldNames, problems: Problems): YamlNode | undefined {
  const onTwice = (key: string, line: number, before: number) =>
    problems.warn(
      { ...at, line },
      `has the key "${key.slice(0, 40)}" twice (first on line ${before}): this one counts`,
    );
  try {
    return parseYaml(text, lastCounts ? onTwice : undefined);
  } catch (error) {
    if (!(error instanceof YamlError)) throw error;
    problems.error({ ...at, line: error.line }, `is not valid YAML: ${error.message}`);
    return undefined;
  }
}

function notAList(root: YamlNode): string {
  if (root.kind === 'map' && root.entries.some(({ key }) => key === 'array')) {
    return "must be the list itself: remove the line 'array:' and write every object as '- objectName: …'";
  }
  if (root.kind === 'map') return "must be a list: put '- ' before the first field of every object";
  return `must be a list of objects, not ${root.kind === 'scalar' ? shown(root.text) : 'a list'}`;
}

function example({ known }: FieldNames): string {
  if (known.includes('file')) return '- {file: password, secret: kv/app/db, key: password}';
  if (known.includes('jmesPath') && known.includes('objectType')) {
    return '- {objectName: prod/db, objectType: secretsmanager}';
  }
  if (known.includes('resourceName')) return '- {resourceName: projects/p/secrets/db/versions/latest, path: db}';
  return '- {objectName: password, secretPath: secret/data/app, secretKey: password}';
}

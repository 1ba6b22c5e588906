import type { Place } from '../../errors.ts';
import { Fields } from '../fields.ts';
import type { Problems } from '../problems.ts';
import { isNull, parseYaml, YamlError, type YamlMap, type YamlNode, type YamlScalar } from '../yaml.ts';
import { azureFields } from './azure-object.ts';

const form = 'objects: |\n  array:\n    - |\n      objectName: …\n      objectType: secret';

/** Each is a text of YAML of its own, which takes a while to parse. */
const mostObjects = 1_000;

/** The objects of a class: `array` is a list of texts, and each of these is YAML again. */
export function readAzureObjects(text: string, problems: Problems): Fields[] {
  const at: Place = { path: 'objects' };
  if (text.trim() === '') {
    problems.error(at, `is not set; write ${oneLine(form)}`);
    return [];
  }
  const root = parse(text, at, problems);
  if (root === undefined) return [];
  const array = root.kind === 'map' ? root.entries.find(({ key }) => key === 'array')?.value : undefined;
  if (array === undefined) {
    problems.error({ ...at, line: root.line }, `must have the list array, as ${oneLine(form)}`);
    return [];
  }
  if (isNull(array) || (array.kind === 'list' && array.items.length === 0)) {
    problems.error({ ...at, line: array.line }, 'has an empty array; no object would be mounted');
    return [];
  }
  if (array.kind !== 'list') {
    problems.error({ ...at, line: array.line }, `must have a list in array, as ${oneLine(form)}`);
    return [];
  }
  if (array.items.length > mostObjects) {
    problems.error({ ...at, line: array.line }, `has more than ${mostObjects} objects; split it into several classes`);
    return [];
  }
  return array.items.flatMap((item, index) => {
    const fields = readItem(item, { path: `objects[${index}]`, line: item.line }, problems);
    return fields === undefined ? [] : [fields];
  });
}

function readItem(item: YamlNode, at: Place, problems: Problems): Fields | undefined {
  if (item.kind !== 'scalar') {
    problems.error(at, "must be a text of its own: write '- |' and the fields below it");
    return undefined;
  }
  const first = firstLine(item);
  const inner = parse(item.text, { ...at, line: first }, problems);
  if (inner === undefined) return undefined;
  if (inner.kind !== 'map') {
    problems.error(at, `must hold the fields of an object, as ${oneLine(form)}`);
    return undefined;
  }
  const map = moved(inner, first - 1);
  const name = map.entries.find(({ key }) => key === 'objectName')?.value;
  const text = name?.kind === 'scalar' ? name.text.trim() : '';
  const fields = new Fields(map, { ...at, ...(text === '' || text.length > 100 ? {} : { name: text }) }, problems);
  fields.checkNames(azureFields);
  return fields;
}

/** The line on which the text of a scalar begins: that of a block (`|`) is the next one. */
function firstLine({ text, plain, line }: YamlScalar): number {
  return !plain && text.includes('\n') ? line + 1 : line;
}

/** Lines of the text within the text are those of the parameter then. */
function moved(map: YamlMap, by: number): YamlMap {
  const entries = map.entries.map(({ key, value, line }) => ({ key, value, line: line + by }));
  return { ...map, entries, line: map.line + by };
}

function parse(text: string, at: Place, problems: Problems): YamlNode | undefined {
  try {
    return parseYaml(text);
  } catch (error) {
    if (!(error instanceof YamlError)) throw error;
    problems.error({ ...at, line: (at.line ?? 1) + error.line - 1 }, `is not valid YAML: ${error.message}`);
    return undefined;
  }
}

function oneLine(text: string): string {
  return `"${text.replace(/\n/g, '\\n')}"`;
}

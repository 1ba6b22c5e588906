import type { Place } from '../../errors.ts';
import type { Problems } from '../problems.ts';
import { isNull, type YamlEntry, type YamlMap, type YamlNode, type YamlScalar } from '../yaml.ts';

/** The fields of one of the AWS provider's structs. */
export interface GoStruct {
  readonly texts: readonly string[];
  /** Fields that are structs, or lists of structs. */
  readonly structs: Readonly<Record<string, GoStruct>>;
}

/**
 * A map as the AWS provider understands it, which reads YAML 1.1 by way of JSON into Go structs (sigs.k8s.io/yaml 1.x): its keys
 * count in any case, and plain scalars in text fields are typed first and then written as text, so that `n` is `false` and `0644`
 * is `420`. Fields of ours stay as they are written. What becomes something else is a warning.
 */
export function toGoMap(map: YamlMap, struct: GoStruct, at: Place, problems: Problems): YamlMap {
  const names = [...struct.texts, ...Object.keys(struct.structs)];
  const written = new Set(map.entries.map(({ key }) => key));
  const entries: YamlEntry[] = [];
  for (const entry of map.entries) {
    const name = names.includes(entry.key)
      ? entry.key
      : names.find((each) => each.toLowerCase() === entry.key.toLowerCase());
    if (name === undefined) {
      entries.push(entry);
      continue;
    }
    const place = { ...at, path: `${at.path}.${entry.key}`, line: entry.line };
    if (name !== entry.key && written.has(name)) {
      problems.warn(place, `is given beside ${name}, which counts`);
      continue;
    }
    written.add(name);
    entries.push({ ...entry, key: name, value: toGoValue(entry.value, struct.structs[name], place, problems) });
  }
  return { ...map, entries };
}

function toGoValue(node: YamlNode, struct: GoStruct | undefined, at: Place, problems: Problems): YamlNode {
  if (struct === undefined) return node.kind === 'scalar' ? toGoText(node, at, problems) : node;
  if (node.kind === 'map') return toGoMap(node, struct, at, problems);
  if (node.kind !== 'list') return node;
  const items = node.items.map((item, index) =>
    toGoValue(item, struct, { ...at, path: `${at.path}[${index}]`, line: item.line }, problems),
  );
  return { ...node, items };
}

function toGoText(node: YamlScalar, at: Place, problems: Problems): YamlNode {
  if (!node.plain || isNull(node)) return node;
  const text = coerce(node.text);
  if (text !== node.text && node.text.length <= 40) {
    problems.warn(
      at,
      `is ${node.text}, which YAML 1.1 takes for "${text}"; put it in quotes if it is meant as written`,
    );
  }
  return { ...node, text, plain: false };
}

/** A plain scalar as yaml.v2 types it and sigs.k8s.io/yaml writes that into a string field. */
export function coerce(text: string): string {
  if (/^(?:y|Y|yes|Yes|YES|true|True|TRUE|on|On|ON)$/.test(text)) return 'true';
  if (/^(?:n|N|no|No|NO|false|False|FALSE|off|Off|OFF)$/.test(text)) return 'false';
  if (/^\+?\.(?:inf|Inf|INF)$/.test(text)) return '+Inf';
  if (/^-\.(?:inf|Inf|INF)$/.test(text)) return '-Inf';
  if (/^\.(?:nan|NaN|NAN)$/.test(text)) return 'NaN';
  if (!/^[-+.0-9]/.test(text) || text.length > 400) return text;
  const digits = text.replaceAll('_', '');
  return goInteger(digits) ?? goFloat(digits) ?? text;
}

/** What strconv.ParseInt with base 0 or ParseUint takes, in decimal. */
function goInteger(text: string): string | undefined {
  const [, sign, digits] = /^([-+]?)(0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|0|[1-9][0-9]*)$/.exec(text) ?? [];
  if (digits === undefined || digits.length > 66) return undefined;
  const absolute = /^0[0-7]+$/.test(digits) ? BigInt(`0o${digits.slice(1)}`) : BigInt(digits.toLowerCase());
  const value = sign === '-' ? -absolute : absolute;
  if (value < -(2n ** 63n) || value >= (sign === '' ? 2n ** 64n : 2n ** 63n)) return undefined;
  return value.toString();
}

/** What yaml.v2 takes for a float, as strconv.FormatFloat(value, 'g', -1, 32) writes it: sigs.k8s.io/yaml keeps 24 bits. */
function goFloat(text: string): string | undefined {
  if (!/^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/.test(text)) return undefined;
  if (!Number.isFinite(Number(text))) return undefined;
  const value = Math.fround(Number(text));
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  const shortest = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((digits) => value.toPrecision(digits));
  const number = Number(shortest.find((each) => Math.fround(Number(each)) === value) ?? value);
  const [mantissa = '', exponent = '0'] = number.toExponential().split('e');
  const power = Number(exponent);
  if (power >= -4 && power < 6) return String(number);
  return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}

import { isRawNumber, type JsonValue } from '../util/json.ts';

/**
 * JSON exactly as Go's encoding/json writes a value: no spaces, keys sorted by their bytes, numbers with the digits they came
 * with, `<`, `>`, `&`, U+2028 and U+2029 escaped. Files keep the bytes that the Go providers wrote.
 */
export function goJson(value: JsonValue): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return goString(value);
  if (isRawNumber(value)) return value.rawJSON;
  if (Array.isArray(value)) return `[${value.map(goJson).join(',')}]`;
  const keys = sortByBytes(Object.keys(value));
  return `{${keys.map((key) => `${goString(key)}:${goJson(value[key] ?? null)}`).join(',')}}`;
}

/** The top level in the order it has (Go writes a struct so), everything below as `goJson`. */
export function goStruct(fields: { readonly [name: string]: JsonValue }): string {
  const parts = Object.entries(fields).map(([name, value]) => `${goString(name)}:${goJson(value)}`);
  return `{${parts.join(',')}}`;
}

const escapes: Record<string, string> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\b': '\\b',
  '\f': '\\f',
};

function goString(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: JSON escapes them
  const escaped = text.toWellFormed().replace(/["\\<>&\u0000-\u001f\u2028\u2029]/g, (c) => {
    return escapes[c] ?? `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
  return `"${escaped}"`;
}

/** JavaScript's own order, by UTF-16 units, is the order of the UTF-8 bytes unless there are surrogates. */
function sortByBytes(keys: string[]): string[] {
  if (!keys.some((key) => /[\ud800-\udfff]/.test(key))) return keys.sort();
  const pairs = keys.map((key) => ({ key, bytes: Buffer.from(key) }));
  return pairs.sort((a, b) => Buffer.compare(a.bytes, b.bytes)).map(({ key }) => key);
}

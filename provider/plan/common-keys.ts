import type { Encoding } from '../render/encoding.ts';
import type { Fields } from './fields.ts';

/** The object keys that every dialect has (docs/class.md §3), as far as this version offers them. */
export const commonKeys = ['key', 'decode', 'mode', 'version', 'optional', 'connection'] as const;

/** The rest of them: refused, because leaving them out silently would give other files than the author means. */
export const laterKeys = [
  'certificate',
  'dir',
  'format',
  'from',
  'jmesPath',
  'keys',
  'refreshInterval',
  'staleOnError',
  'template',
] as const;

/** `decode: base64 | base64url | hex`; `utf-8` when absent. */
export function readDecode(fields: Fields): Encoding {
  return readEncoding(fields, 'decode', ['base64', 'base64url', 'hex', 'utf-8']);
}

/** An encoding under any name, in any case. */
export function readEncoding(fields: Fields, key: string, known: readonly Encoding[]): Encoding {
  const text = fields.text(key);
  if (text === undefined) return 'utf-8';
  const found = known.find((encoding) => encoding === text.toLowerCase());
  if (found === undefined) fields.error(key, `must be one of ${known.join(', ')}, not ${shown(text)}`);
  return found ?? 'utf-8';
}

/** `mode: 0400`, `"0400"` or `0o400`: octal however it is written. */
export function readMode(fields: Fields): number | undefined {
  const text = fields.text('mode');
  if (text === undefined) return undefined;
  const digits = /^(?:0o?)?([0-7]{1,4})$/.exec(text)?.[1];
  const mode = digits === undefined ? undefined : Number.parseInt(digits, 8);
  if (mode === undefined || mode > 0o777) {
    fields.error('mode', `must be octal between 0000 and 0777, for example "0400", not ${shown(text)}`);
    return undefined;
  }
  return mode;
}

/** A short text of the author in an error. Long ones may be a secret pasted into the wrong place. */
export function shown(text: string): string {
  return text.length <= 40 && /^[\x20-\x7e]*$/.test(text) ? `"${text}"` : 'what is written';
}

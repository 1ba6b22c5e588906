import { KeymountError } from '../errors.ts';
import { isJsonObject, type JsonObject, type JsonValue, ownKey, parseJson } from '../util/json.ts';
import { decode } from './decode.ts';
import type { Encoding } from './encoding.ts';
import { searchJmesPath } from './jmespath.ts';
import { goJson, goStruct } from './json.ts';
import { selectTextKey, type TextKey } from './text-key.ts';

/**
 * What of a secret becomes a file: one key, what a JMESPath finds in it, a part of it, all keys as one JSON object, or the
 * backend's reply as a whole.
 */
export type Selection =
  | { readonly key: string }
  | { readonly jmesPath: string }
  | { readonly part: string }
  | TextKey
  | { readonly whole: 'keys' | 'reply' };

/** The content of a secret. At least one of `bytes`, `keys` and `problem` is there. */
export interface Content {
  /** A secret without structure. */
  readonly bytes?: Uint8Array;
  readonly keys?: JsonObject;
  /** The backend's reply as a whole, for dialects that write it. */
  readonly reply?: JsonObject;
  /** Other forms of it that its dialect writes, as the key and the certificates of a certificate. */
  readonly parts?: Readonly<Record<string, string>>;
  /** Why nothing but its `parts` can be had. */
  readonly problem?: KeymountError;
}

/** The bytes of a file. Throws `key-missing` and `value-invalid`. */
export function selectBytes(content: Content, selection: Selection, encoding: Encoding): Uint8Array {
  if ('part' in selection) return selectPart(content, selection.part, encoding);
  if (content.problem !== undefined) throw content.problem;
  if ('key' in selection) return selectKey(content, selection.key, encoding);
  if ('textKey' in selection) return decode(selectTextKey(content, selection), encoding);
  if ('jmesPath' in selection) return selectFound(content, selection.jmesPath, encoding);
  if (content.bytes !== undefined) {
    return encoding === 'utf-8'
      ? content.bytes
      : decode(Buffer.from(content.bytes).toString('latin1').trimEnd(), encoding);
  }
  if (encoding !== 'utf-8') {
    throw new KeymountError('value-invalid', `a secret with keys cannot be decoded from ${encoding} as a whole`, {
      hint: 'choose a key, or remove the encoding',
    });
  }
  const whole = selection.whole === 'reply' ? content.reply : undefined;
  return Buffer.from(whole === undefined ? goJson(content.keys ?? {}) : goStruct(whole));
}

/** A string as it is, anything else as JSON; `null` is nothing that a file could hold. */
function selectKey({ keys, bytes }: Content, key: string, encoding: Encoding): Uint8Array {
  if (keys === undefined) {
    throw new KeymountError('key-missing', `the secret has no keys, so there is no key "${key}"`, {
      hint: bytes === undefined ? 'check the path' : 'it is one text: leave the key out to mount it whole',
    });
  }
  const value = ownKey(keys, key);
  if (value === undefined)
    throw new KeymountError('key-missing', `the secret has no key "${key}"`, {
      hint: nestedHint(keys, key) ?? listKeys(keys, key),
    });
  if (value === null) {
    throw new KeymountError('key-missing', `the key "${key}" holds null`, {
      hint: 'give it a value, or mark the object optional',
    });
  }
  return decode(typeof value === 'string' ? value : goJson(value), encoding);
}

function selectPart({ parts, problem }: Content, part: string, encoding: Encoding): Uint8Array {
  const text = parts !== undefined && Object.hasOwn(parts, part) ? parts[part] : undefined;
  if (text === undefined) throw problem ?? new KeymountError('key-missing', `the secret has no ${part} part`);
  return decode(text, encoding);
}

/** A string as it is, anything else as JSON. */
function selectFound({ keys, bytes }: Content, jmesPath: string, encoding: Encoding): Uint8Array {
  const found = searchJmesPath(jmesPath, keys ?? jsonOf(bytes ?? new Uint8Array()));
  if (found === null) {
    throw new KeymountError('key-missing', `the jmesPath ${jmesPath.slice(0, 100)} finds nothing in the secret`, {
      hint: keys === undefined ? undefined : (literalHint(keys, jmesPath) ?? listKeys(keys, jmesPath)),
    });
  }
  return decode(typeof found === 'string' ? found : goJson(found), encoding);
}

function jsonOf(bytes: Uint8Array): JsonValue {
  try {
    // An editor's byte order mark is no part of it.
    return parseJson(
      Buffer.from(bytes)
        .toString('utf8')
        .replace(/^\ufeff/, ''),
    );
  } catch {
    throw new KeymountError('value-invalid', 'the secret is not JSON, so no jmesPath applies to it', {
      hint: 'leave jmesPath out to mount it whole',
    });
  }
}

/** A key is taken literally: `a.b` is none where `a` holds a map with `b`. */
function nestedHint(keys: JsonObject, key: string): string | undefined {
  const parts = key.split('.');
  if (parts.length < 2 || parts.length > 10) return undefined;
  let value: JsonValue | undefined = keys;
  for (const part of parts) value = isJsonObject(value) ? ownKey(value, part) : undefined;
  const [first = ''] = parts;
  return value === undefined ? undefined : `"${first}" is a map: write jmesPath: ${shownPath(key)} instead of the key`;
}

/** The reverse: a dot in an expression leads into a map, and `a.b` is a key. */
function literalHint(keys: JsonObject, jmesPath: string): string | undefined {
  const isKey = jmesPath.includes('.') && ownKey(keys, jmesPath) !== undefined;
  return isKey
    ? `"${shownPath(jmesPath)}" is one key: put it in quotes within the expression, '"${shownPath(jmesPath)}"'`
    : undefined;
}

function shownPath(text: string): string {
  return text.slice(0, 100);
}

/** Key names help and are no secret values; long or many ones would only hide the message. */
function listKeys(keys: JsonObject, wanted: string): string {
  const names = Object.keys(keys).sort();
  if (names.length === 0) return 'it has no keys at all';
  const sameLetters = names.find((name) => name !== wanted && name.toLowerCase() === wanted.toLowerCase());
  if (sameLetters !== undefined) return `did you mean "${sameLetters}"? Keys are case-sensitive`;
  const shown = names.filter((name) => name.length <= 40).slice(0, 8);
  const more = names.length - shown.length;
  if (shown.length === 0) return `it has ${more} with a long name`;
  return `it has ${shown.map((name) => `"${name}"`).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

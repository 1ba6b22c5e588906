import { KeymountError } from '../errors.ts';
import { isJsonObject, type JsonObject, type JsonValue, ownKey, parseJson } from '../util/json.ts';
import { yamlTexts } from './yaml-texts.ts';

/** A top-level key of a secret that is a JSON or YAML text, whose value must itself be a text (`extractJSONKey`, `extractYAMLKey`). */
export interface TextKey {
  readonly textKey: string;
  readonly of: 'json' | 'yaml';
}

/** The text. Throws `key-missing`, and `value-invalid` where the secret is no such document or the value is no text. */
export function selectTextKey(
  { bytes, keys }: { readonly bytes?: Uint8Array; readonly keys?: JsonObject },
  { textKey: key, of }: TextKey,
): string {
  const value = of === 'json' ? fromJson(bytes, keys, key) : fromYaml(bytes ?? new Uint8Array(), key);
  if (value === undefined) {
    throw new KeymountError('key-missing', `key ${JSON.stringify(key)} not found in ${of.toUpperCase()}`);
  }
  if (typeof value === 'string') return value;
  throw new KeymountError('value-invalid', `unsupported value type for key ${JSON.stringify(key)}: it is no text`, {
    hint: of === 'json' ? 'use jmesPath for numbers, lists and objects' : 'put it into quotes',
  });
}

function fromJson(bytes: Uint8Array | undefined, keys: JsonObject | undefined, key: string): JsonValue | undefined {
  if (keys !== undefined) return ownKey(keys, key);
  let value: JsonValue;
  try {
    value = parseJson(Buffer.from(bytes ?? []).toString('utf8'));
  } catch {
    throw notA('JSON');
  }
  if (value === null) return undefined;
  if (isJsonObject(value)) return ownKey(value, key);
  throw notA('JSON');
}

function fromYaml(bytes: Uint8Array, key: string): string | null | undefined {
  const texts = yamlTexts(Buffer.from(bytes).toString('utf8'));
  if (texts === undefined) throw notA('YAML');
  return texts.get(key);
}

function notA(format: string): KeymountError {
  return new KeymountError('value-invalid', `the secret is not a ${format} object, so no key can be extracted from it`);
}

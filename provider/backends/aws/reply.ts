import { KeymountError } from '../../errors.ts';
import { isJsonObject, type JsonObject, parseJson } from '../../util/json.ts';
import type { Secret } from '../backend.ts';

/** What GetSecretValue and BatchGetSecretValue say of a secret. */
export interface SecretValue {
  readonly ARN?: string | undefined;
  readonly Name?: string | undefined;
  readonly VersionId?: string | undefined;
  readonly SecretString?: string | undefined;
  readonly SecretBinary?: Uint8Array | undefined;
}

/** `name` is for messages. Throws `backend-reply-invalid`. */
export function valueToSecret(value: SecretValue, name: string): Secret {
  const bytes =
    value.SecretBinary ?? (typeof value.SecretString === 'string' ? Buffer.from(value.SecretString) : undefined);
  if (bytes === undefined) throw unusable(name, 'has no value');
  return toSecret(bytes, value.VersionId ?? '', value.SecretString);
}

/** What GetParameters says of a parameter. */
export interface Parameter {
  readonly name: string;
  readonly arn: string;
  readonly value: string;
  readonly version: string;
  /** `:3` or `:label`; undefined where an endpoint leaves it out. */
  readonly selector: string | undefined;
}

export function parameterToSecret({ value, version }: Parameter): Secret {
  return toSecret(Buffer.from(value), version, value);
}

/** The bytes as they are; where they are a JSON object, its keys as well. */
function toSecret(bytes: Uint8Array, version: string, text: string | undefined): Secret {
  const keys = text === undefined ? undefined : keysOf(text);
  return { bytes, version, size: bytes.length, ...(keys === undefined ? {} : { keys }) };
}

function keysOf(text: string): JsonObject | undefined {
  if (!/^\s*\{/.test(text)) return undefined;
  try {
    const value = parseJson(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    // A text that only begins like JSON.
    return undefined;
  }
}

export function unusable(name: string, what: string): KeymountError {
  return new KeymountError('backend-reply-invalid', `the answer for ${name} ${what}`);
}

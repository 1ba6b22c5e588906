import { KeymountError } from '../../errors.ts';
import { isJsonObject, isRawNumber, type JsonObject, type JsonValue, ownKey, parseJson } from '../../util/json.ts';
import type { Secret } from '../backend.ts';
import { crc32c } from './crc32c.ts';
import { jsonObjectOf } from './reason.ts';
import type { Service } from './ref.ts';

/**
 * The answer of `:access` or `:render` as a secret: its bytes, its keys where they are a JSON object, and the version's own name.
 * Throws `backend-reply-invalid`, also where the bytes are not those that their checksum is of.
 */
export function replyToSecret(body: Buffer, service: Service, name: string): Secret {
  const answer = jsonObjectOf(body);
  if (answer === undefined) throw unusable(name, 'is not a JSON object');
  const bytes =
    service === 'secretmanager' ? payloadOf(answer, name) : bytesOf(ownKey(answer, 'renderedPayload'), name);
  const keys = keysOf(bytes);
  return {
    bytes,
    ...(keys === undefined ? {} : { keys }),
    // A parameter has no other name than the one it was asked for by.
    version: service === 'secretmanager' ? versionOf(textOf(ownKey(answer, 'name')), name) : name,
    size: bytes.length * (keys === undefined ? 1 : 3),
  };
}

/** The name of what was read. Google names the project by its number, and an alias by the number of its version. */
function versionOf(read: string | undefined, asked: string): string {
  if (read === undefined) return asked;
  const [, secret, version = ''] = parse(read);
  const [, wanted, wantedVersion = ''] = parse(asked);
  const isOther = /^\d+$/.test(wantedVersion) && version !== wantedVersion;
  if (secret !== wanted || isOther) throw unusable(asked, 'is of something else');
  return read;
}

function parse(name: string): readonly (string | undefined)[] {
  return /\/secrets\/([^/]+)\/versions\/([^/]+)$/.exec(name) ?? [];
}

function payloadOf(answer: JsonObject, name: string): Buffer {
  const payload = ownKey(answer, 'payload');
  if (!isJsonObject(payload)) throw unusable(name, 'has no payload');
  const bytes = bytesOf(ownKey(payload, 'data'), name);
  const sum = ownKey(payload, 'dataCrc32c');
  if (sum !== undefined && sum !== null && String(isRawNumber(sum) ? sum.rawJSON : sum) !== String(crc32c(bytes))) {
    throw unusable(name, 'was damaged on its way: it does not have its checksum');
  }
  return bytes;
}

/** The JSON form of `bytes` in protobuf: base64 of either alphabet; absent where there are none. */
function bytesOf(value: JsonValue | undefined, name: string): Buffer {
  if (value === undefined || value === null) return Buffer.alloc(0);
  if (typeof value === 'string' && /^(?:[A-Za-z0-9+/]*|[A-Za-z0-9_-]*)={0,2}$/.test(value)) {
    return Buffer.from(value, 'base64');
  }
  throw unusable(name, 'is not base64');
}

/** The keys of a payload that is a JSON object in UTF-8. */
function keysOf(bytes: Buffer): JsonObject | undefined {
  const text = bytes.toString('utf8');
  if (!/^\s*\{/.test(text)) return undefined;
  try {
    const value = parseJson(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function textOf(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function unusable(name: string, what: string): KeymountError {
  return new KeymountError('backend-reply-invalid', `the answer for ${name} ${what}`);
}

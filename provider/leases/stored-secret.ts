import type { Secret } from '../backends/backend.ts';
import { isJsonObject, type JsonObject, type JsonValue, ownKey } from '../util/json.ts';
import { number, toNumber } from './json-number.ts';

/** A secret as JSON, numbers to the digit. */
export function fromSecret({ bytes, keys, reply, version, size, lease, notAfter }: Secret): JsonObject {
  return {
    version,
    size: number(size),
    ...(bytes === undefined ? {} : { bytes: Buffer.from(bytes).toString('base64') }),
    ...(keys === undefined ? {} : { keys }),
    ...(reply === undefined ? {} : { reply }),
    ...(lease === undefined
      ? {}
      : { lease: { id: lease.id, duration: number(lease.duration), renewable: lease.renewable } }),
    ...(notAfter === undefined ? {} : { notAfter: number(notAfter) }),
  };
}

/** What `fromSecret` wrote. */
export function toSecret(value: JsonValue | undefined): Secret {
  const stored = isJsonObject(value) ? value : {};
  const bytes = ownKey(stored, 'bytes');
  const keys = ownKey(stored, 'keys');
  const reply = ownKey(stored, 'reply');
  const lease = ownKey(stored, 'lease');
  const notAfter = ownKey(stored, 'notAfter');
  return {
    version: String(ownKey(stored, 'version') ?? ''),
    size: toNumber(ownKey(stored, 'size')),
    ...(typeof bytes === 'string' ? { bytes: Buffer.from(bytes, 'base64') } : {}),
    ...(isJsonObject(keys) ? { keys: isJsonObject(reply) ? sharedKeys(reply, keys) : keys } : {}),
    ...(isJsonObject(reply) ? { reply } : {}),
    ...(isJsonObject(lease)
      ? {
          lease: {
            id: String(ownKey(lease, 'id')),
            duration: toNumber(ownKey(lease, 'duration')),
            renewable: ownKey(lease, 'renewable') === true,
          },
        }
      : {}),
    ...(notAfter === undefined ? {} : { notAfter: toNumber(notAfter) }),
  };
}

/** Equal keys and data of a reply were one object before they were stored, and are again. */
function sharedKeys(reply: JsonObject, keys: JsonObject): JsonObject {
  const data = ownKey(reply, 'data');
  return isJsonObject(data) && JSON.stringify(data) === JSON.stringify(keys) ? data : keys;
}

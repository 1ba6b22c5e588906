import type { Secret } from '../backends/backend.ts';
import { isJsonObject, isRawNumber, type JsonObject, type JsonValue, ownKey } from '../util/json.ts';
import { keptWhole } from './limits.ts';

/** A secret as far as it is kept. */
export interface KeptSecret {
  readonly secret: Secret;
  /** The keys that were kept; absent: all of it. */
  readonly keys?: readonly string[];
}

/**
 * What of an issued secret has to be kept: all of a small one, of a large one the keys that objects select. One that lacks a
 * selected key stays whole, for the message about that names the others.
 */
export function toKeep(secret: Secret, selected: readonly string[] | undefined): KeptSecret {
  const { keys, bytes: _bytes, reply: _reply, ...rest } = secret;
  if (secret.size <= keptWhole || selected === undefined || keys === undefined) return { secret };
  if (!selected.every((key) => Object.hasOwn(keys, key))) return { secret };
  const kept: JsonObject = Object.create(null);
  for (const key of selected) kept[key] = ownKey(keys, key) ?? null;
  return { secret: { ...rest, keys: kept }, keys: selected };
}

/** Does what is kept have all that these objects select? */
export function hasAll(kept: readonly string[] | undefined, selected: readonly string[] | undefined): boolean {
  return kept === undefined || selected?.every((key) => kept.includes(key)) === true;
}

/** What a value costs in memory beside its characters, measured: an element of an array with its box. */
const perValue = 64;
/** A credential with its life, its lease and its plan. */
const perCredential = 1_024;

/** Bytes that a kept secret takes, in memory and on disk. */
export function keptSize({ keys, reply, bytes, version, lease }: Secret): number {
  const texts = version.length + (lease?.id.length ?? 0) + (bytes === undefined ? 0 : (bytes.length * 4) / 3);
  return Math.ceil(perCredential + texts + sizeOf(keys) + sizeOfReply(reply, keys));
}

/** The keys of a reply are mostly those of the secret, and the same object. */
function sizeOfReply(reply: JsonObject | undefined, keys: JsonObject | undefined): number {
  if (reply === undefined) return 0;
  const isShared = keys !== undefined && ownKey(reply, 'data') === keys;
  return sizeOf(isShared ? { ...reply, data: null } : reply);
}

/** Bytes of a JSON value in memory. Its depth is bounded where it is parsed. */
export function sizeOf(value: JsonValue | undefined): number {
  if (value === undefined) return 0;
  if (value === null || typeof value === 'boolean') return perValue;
  if (typeof value === 'string') return perValue + value.length;
  if (isRawNumber(value)) return perValue + value.rawJSON.length;
  let size = perValue;
  if (isJsonObject(value)) for (const [key, one] of Object.entries(value)) size += key.length + sizeOf(one);
  else for (const one of value) size += sizeOf(one);
  return size;
}

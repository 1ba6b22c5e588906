import { KeymountError } from '../../errors.ts';
import type { Reply } from '../../net/request.ts';
import {
  isJsonObject,
  type JsonObject,
  type JsonValue,
  ownKey,
  parseJson,
  rawNumber,
  toInteger,
} from '../../util/json.ts';
import type { Lease, Secret } from '../backend.ts';

/**
 * What a path is known to be: a KV mount of version 1 or 2, or `api`, an API path that is read by the rule of the Go providers:
 * what looks like KV version 2 is taken for it.
 */
export type Engine = 'api' | 'kv1' | 'kv2';

/** A reply of status 200 as a secret. `path` is for messages, `now` in milliseconds of the clock. Throws `backend-reply-invalid` and `secret-deleted`. */
export function replyToSecret(reply: Reply, engine: Engine, path: string, now: number): Secret {
  const body = parseBody(reply, path);
  const size = reply.body.length;
  if (Buffer.isBuffer(body)) return { bytes: body, version: '', size };
  const envelope = openEnvelope(body, path);
  const { data } = envelope;
  const kv2 = engine === 'kv1' ? undefined : asKv2(data);
  if (engine === 'kv2' && kv2 === undefined) throw unusable(path, 'is not what KV version 2 answers');
  if (kv2 !== undefined && kv2.keys === null) throw deletedError(path, kv2.metadata);
  const lease = leaseOf(envelope);
  return {
    keys: kv2?.keys ?? (engine === 'kv1' ? data : mergeNested(data)),
    reply: toGoSecret(envelope),
    size,
    version: kv2 === undefined ? '' : String(toInteger(ownKey(kv2.metadata, 'version'))),
    ...goodUntil(envelope, now),
    ...(kv2 === undefined && engine === 'api' ? certificateEnd(data) : {}),
    ...(lease === undefined ? {} : { lease }),
  };
}

/** A static role says how long its password stays. */
function goodUntil({ data }: Envelope, now: number): Pick<Secret, 'goodUntil'> {
  const ttl = isStaticRole(data) ? toInteger(ownKey(data, 'ttl')) : undefined;
  return ttl === undefined ? {} : { goodUntil: now + ttl * 1000 };
}

/** What `pki/issue` and its like answer: a certificate with its end, in seconds since 1970. */
function certificateEnd(data: JsonObject): Pick<Secret, 'notAfter'> {
  const expiration = toInteger(ownKey(data, 'expiration'));
  const isIssued = Object.hasOwn(data, 'certificate') && Object.hasOwn(data, 'serial_number');
  return expiration === undefined || !isIssued ? {} : { notAfter: expiration * 1000 };
}

/** What `database/static-creds` and its like answer. */
function isStaticRole(data: JsonObject): boolean {
  return Object.hasOwn(data, 'last_vault_rotation') && Object.hasOwn(data, 'ttl');
}

/** The JSON object of a body; undefined if it is none. */
export function jsonObjectOf(body: Buffer): JsonObject | undefined {
  try {
    const value = parseJson(body.toString('utf8'));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The version that a 404 of KV version 2 speaks of: `deletion_time` or `destroyed` in its metadata. */
export function deletedVersion(body: JsonObject, path: string): KeymountError | undefined {
  const data = ownKey(body, 'data');
  const kv2 = isJsonObject(data) ? asKv2(data) : undefined;
  return kv2 === undefined || kv2.keys !== null ? undefined : deletedError(path, kv2.metadata);
}

/** A JSON object, or the bytes of something that is meant to be no JSON, such as a certificate. */
function parseBody({ body, headers, status }: Reply, path: string): JsonObject | Buffer {
  if (status === 204 || body.length === 0) throw unusable(path, 'is empty', 'this path returns no secret');
  const object = jsonObjectOf(body);
  if (object !== undefined) return object;
  const type = (headers['content-type'] ?? '').toLowerCase();
  if (type === '' || type.includes('json')) throw unusable(path, 'is not a JSON object');
  if (type.includes('html'))
    throw unusable(path, 'is a web page', 'the address may be that of something else than Vault');
  return body;
}

interface Envelope {
  readonly leaseId: string;
  readonly leaseDuration: number;
  readonly renewable: boolean;
  readonly data: JsonObject;
  readonly warnings: string[] | null;
  readonly mountType: string;
}

function openEnvelope(body: JsonObject, path: string): Envelope {
  const field = <Value>(name: string, check: (value: JsonValue) => Value | undefined, absent: Value): Value => {
    const value = ownKey(body, name) ?? null;
    const checked = value === null ? absent : check(value);
    if (checked === undefined) throw unusable(path, `has an odd ${name}`);
    return checked;
  };
  const text = (value: JsonValue) => (typeof value === 'string' ? value : undefined);
  const flag = (value: JsonValue) => (typeof value === 'boolean' ? value : undefined);
  const object = (value: JsonValue) => (isJsonObject(value) ? value : undefined);
  const texts = (value: JsonValue) =>
    Array.isArray(value) && value.every((one) => typeof one === 'string') ? value : undefined;
  const warnings = field<string[] | null>('warnings', texts, null);
  const envelope = {
    leaseId: field('lease_id', text, ''),
    leaseDuration: field('lease_duration', toInteger, 0),
    renewable: field('renewable', flag, false),
    warnings,
    mountType: field('mount_type', text, ''),
  };
  const data = field<JsonObject | null>('data', object, null);
  if (data !== null) return { ...envelope, data };
  if (ownKey(body, 'auth')) throw unusable(path, 'is a login, not a secret');
  if (ownKey(body, 'wrap_info')) throw unusable(path, 'is wrapped', 'keymount does not unwrap secrets');
  const plain = !['request_id', 'lease_id', 'lease_duration', 'renewable', 'data', 'warnings'].some((name) =>
    Object.hasOwn(body, name),
  );
  // Endpoints outside the usual envelope, as identity/oidc/.well-known/keys: the Go client takes the whole object for the data.
  if (plain && !Object.hasOwn(body, 'errors') && Object.keys(body).length > 0) return { ...envelope, data: body };
  throw unusable(path, 'has no data', 'this path returns no secret');
}

/** `{data, metadata: {version}}`; `data` is null for a version that was deleted. */
function asKv2(data: JsonObject): { keys: JsonObject | null; metadata: JsonObject } | undefined {
  const keys = ownKey(data, 'data');
  const metadata = ownKey(data, 'metadata');
  if (!isJsonObject(metadata) || toInteger(ownKey(metadata, 'version')) === undefined) return undefined;
  if (keys === null) return { keys, metadata };
  return isJsonObject(keys) ? { keys, metadata } : undefined;
}

/**
 * The Go providers look for keys in an object-valued `data` wherever there is one. Those keys stay first; a KV1 secret that just
 * has a key called `data` keeps its other keys as well.
 */
function mergeNested(data: JsonObject): JsonObject {
  const nested = ownKey(data, 'data');
  return isJsonObject(nested) ? { ...data, ...nested } : data;
}

/**
 * The reply as Go's api.Secret writes it, in its order. What is new at each read is blank, `request_id` and the `ttl` of a static
 * role that counts down: equal secrets must give equal files.
 */
function toGoSecret({ leaseId, leaseDuration, renewable, data, warnings, mountType }: Envelope): JsonObject {
  return {
    request_id: '',
    lease_id: leaseId,
    lease_duration: rawNumber(String(leaseDuration)),
    renewable,
    data: isStaticRole(data) ? { ...data, ttl: rawNumber('0') } : data,
    warnings,
    ...(mountType === '' ? {} : { mount_type: mountType }),
  };
}

/** KV version 1 has a duration but no lease. */
function leaseOf({ leaseId, leaseDuration, renewable }: Envelope): Lease | undefined {
  return leaseId === '' ? undefined : { id: leaseId, duration: leaseDuration, renewable };
}

function deletedError(path: string, metadata: JsonObject): KeymountError {
  const version = toInteger(ownKey(metadata, 'version'));
  const destroyed = ownKey(metadata, 'destroyed') === true;
  const what = version === undefined ? 'the version' : `version ${version}`;
  return new KeymountError('secret-deleted', `${what} of ${path} was ${destroyed ? 'destroyed' : 'deleted'}`, {
    hint: destroyed ? 'write a new version' : 'undelete it or write a new version',
  });
}

function unusable(path: string, what: string, hint?: string): KeymountError {
  return new KeymountError('backend-reply-invalid', `the answer for ${path} ${what}`, { hint });
}

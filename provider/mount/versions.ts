import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { KeymountError } from '../errors.ts';
import type { DialectName } from '../plan/plan.ts';
import type { File } from './files.ts';

/** What the driver writes into the SecretProviderClassPodStatus, where Reloader and the Secret sync look. */
export interface ObjectVersion {
  /** The file's path, unless the dialect's own provider has another. */
  readonly id: string;
  readonly version: string;
}

/** Gives the cluster-wide key of a dialect's versions. Throws `version-key-unavailable`; never an empty key. */
export type VersionKey = (dialect: DialectName, signal: AbortSignal) => Promise<Uint8Array>;

/**
 * A version changes if and only if the bytes change (on the Vault sockets also the object's settings, as the Go provider has it),
 * and is the same on every node: padded base64url of HMAC-SHA256 over the settings and the bytes. Some drop-in dialects have the
 * backend's own version instead.
 */
export function versionOf({ contents, output, backendVersion }: File, key: Uint8Array | undefined): string {
  if (hasOwnVersion({ output, backendVersion })) return backendVersion;
  // Whoever reads versions could try out contents against an HMAC with a key that everybody has.
  if (key === undefined || key.length === 0) throw new KeymountError('internal', 'a version without its key');
  const hmac = createHmac('sha256', prepared(key));
  if (output.versionPrefix !== undefined) hmac.update(output.versionPrefix);
  return padded(hmac.update(contents).digest('base64url'));
}

/** With a prepared key an HMAC takes a tenth of the time. */
const preparedKeys = new WeakMap<Uint8Array, KeyObject>();

function prepared(key: Uint8Array): KeyObject {
  let object = preparedKeys.get(key);
  if (object === undefined) {
    object = createSecretKey(key);
    preparedKeys.set(key, object);
  }
  return object;
}

/** It needs no key. */
export function hasOwnVersion({ output, backendVersion }: Pick<File, 'output' | 'backendVersion'>): boolean {
  return output.backendVersion === true && backendVersion !== '';
}

export function versionsOf(files: readonly File[], key: Uint8Array | undefined): ObjectVersion[] {
  return files.map((file) => ({ id: file.output.versionId ?? file.path, version: versionOf(file, key) }));
}

/** Go's base64.URLEncoding pads. */
function padded(text: string): string {
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=');
}

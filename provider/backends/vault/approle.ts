import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { KeymountError } from '../../errors.ts';
import { isJsonObject, ownKey } from '../../util/json.ts';
import { SecretString } from '../../util/secret-string.ts';
import type { Login } from '../backend.ts';
import type { VaultClient } from './client.ts';
import { reasonOf } from './reason.ts';
import { jsonObjectOf } from './reply.ts';

/**
 * What was wrapped, by the hash of its wrapping token. A wrapping token opens once, but a pod must be able to log in again when
 * its session ends.
 */
const unwrapped = new LRUCache<string, SecretString>({ max: 1000, ttl: 24 * 60 * 60 * 1000 });

/**
 * The Secret of `nodePublishSecretRef`: `role_id`, and `secret_id` (or none, for roles that bind no secret id). The secret id may
 * come wrapped, as `wrapped_secret_id` or by being a wrapping token itself.
 */
export async function appRoleCredentials(
  secrets: Login['publishSecrets'],
  client: VaultClient,
  signal: AbortSignal,
): Promise<{ roleId: string; secretId: string | undefined }> {
  const read = (name: string) => secrets.get(name)?.reveal().trim() || undefined;
  const roleId = read('role_id');
  if (roleId === undefined) {
    throw new KeymountError('token-missing', 'the pod brought no AppRole credentials', {
      hint: 'name a Secret with role_id and secret_id in nodePublishSecretRef of the volume',
    });
  }
  const plain = read('secret_id');
  const wrapped = read('wrapped_secret_id') ?? (isWrappingToken(plain) ? plain : undefined);
  return { roleId, secretId: wrapped === undefined ? plain : await unwrap(wrapped, client, signal) };
}

function isWrappingToken(text: string | undefined): boolean {
  return text !== undefined && /^(?:hvs|s)\.[\w-]{20,}$/.test(text);
}

async function unwrap(wrappingToken: string, client: VaultClient, signal: AbortSignal): Promise<string> {
  const key = createHash('sha256').update(wrappingToken).digest('base64');
  const known = unwrapped.get(key);
  if (known !== undefined) return known.reveal();
  const reply = await client.send({ method: 'POST', target: 'sys/wrapping/unwrap', token: wrappingToken }, signal);
  if (reply.status !== 200) {
    throw new KeymountError('login-denied', 'the wrapped secret id could not be unwrapped', {
      reason: reasonOf(reply, [wrappingToken]),
      hint: 'a wrapping token opens once and only for a short time: put a new one into the Secret',
    });
  }
  const data = ownKey(jsonObjectOf(reply.body) ?? {}, 'data');
  const secretId = isJsonObject(data) ? ownKey(data, 'secret_id') : undefined;
  if (typeof secretId !== 'string') throw new KeymountError('login-failed', 'what was wrapped is no secret id');
  unwrapped.set(key, new SecretString(secretId));
  return secretId;
}

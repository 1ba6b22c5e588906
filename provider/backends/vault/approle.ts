import { KeymountError } from '../../errors.ts';
import { isJsonObject, ownKey } from '../../util/json.ts';
import { SecretString } from '../../util/secret-string.ts';
import type { BackendDeps, Login } from '../backend.ts';
import type { VaultClient } from './client.ts';
import type { VaultConnection } from './connection.ts';
import { reasonOf } from './reason.ts';
import { jsonObjectOf } from './reply.ts';
import { secretIdsOf } from './secret-ids.ts';

/** Where AppRole is asked. */
export interface AppRolePlace {
  readonly connection: VaultConnection;
  readonly mount: string;
  readonly client: VaultClient;
  readonly deps: BackendDeps;
}

/**
 * The Secret of `nodePublishSecretRef`: `role_id`, and `secret_id` (or none, for roles that bind no secret id). The secret id may
 * come wrapped, as `wrapped_secret_id` or by being a wrapping token itself.
 */
export async function appRoleCredentials(
  login: Login,
  place: AppRolePlace,
  signal: AbortSignal,
): Promise<{ roleId: string; secretId: string | undefined }> {
  const read = (name: string) => login.publishSecrets.get(name)?.reveal().trim() || undefined;
  const roleId = read('role_id');
  if (roleId === undefined) {
    throw new KeymountError('token-missing', 'the pod brought no AppRole credentials', {
      hint: 'name a Secret with role_id and secret_id in nodePublishSecretRef of the volume',
    });
  }
  const plain = read('secret_id');
  const token = read('wrapped_secret_id') ?? (isWrappingToken(plain) ? plain : undefined);
  if (token === undefined) return { roleId, secretId: plain };
  const { connection, mount, client, deps } = place;
  const open = (together: AbortSignal) => unwrap(token, client, together);
  const secretId = await secretIdsOf(deps).get({ connection, mount, login, token }, open, signal);
  return { roleId, secretId: secretId.reveal() };
}

function isWrappingToken(text: string | undefined): boolean {
  return text !== undefined && /^(?:hvs|s)\.[\w-]{20,}$/.test(text);
}

async function unwrap(token: string, client: VaultClient, signal: AbortSignal): Promise<SecretString> {
  const reply = await client.send({ method: 'POST', target: 'sys/wrapping/unwrap', token }, signal);
  if (reply.status !== 200) {
    throw new KeymountError('login-denied', 'the wrapped secret id could not be unwrapped', {
      reason: reasonOf(reply, [token]),
      hint: 'a wrapping token opens once and only for a short time: put a new one into the Secret',
    });
  }
  const data = ownKey(jsonObjectOf(reply.body) ?? {}, 'data');
  const secretId = isJsonObject(data) ? ownKey(data, 'secret_id') : undefined;
  if (typeof secretId !== 'string') throw new KeymountError('login-failed', 'what was wrapped is no secret id');
  return new SecretString(secretId);
}

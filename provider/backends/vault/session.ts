import { KeymountError } from '../../errors.ts';
import { abortedError } from '../../net/aborted.ts';
import type { Reply } from '../../net/request.ts';
import type { BackendDeps, Secret, Session } from '../backend.ts';
import type { VaultCall, VaultClient } from './client.ts';
import type { VaultConnection } from './connection.ts';
import { explainRead } from './explain.ts';
import { hintPath } from './hint.ts';
import type { Authority } from './login.ts';
import { type Found, Mounts } from './mounts.ts';
import { type CliRef, encodePath, shownPath, type VaultRef } from './ref.ts';
import { type Engine, replyToSecret } from './reply.ts';

/** A call that is ready to be sent, and how to read its reply. */
interface Read extends VaultCall {
  readonly engine: Engine;
}

/** A token and what can be read with it. */
export function createVaultSession(
  connection: VaultConnection,
  client: VaultClient,
  { token, expires, role }: Authority,
  { clock }: BackendDeps,
): Session<VaultRef> {
  const { address, namespace } = connection;
  const mounts = new Mounts((target, signal) => client.send({ method: 'GET', target, token }, signal));

  async function read(ref: VaultRef, signal: AbortSignal): Promise<Secret> {
    const call: Read = ref.kind === 'api' ? { ...ref, token, engine: 'api' } : await locate(ref, signal);
    const reply = await client.send(call, signal);
    if (reply.status === 200 || reply.status === 204) return replyToSecret(reply, call.engine, shownPath(call.target));
    throw await explain(reply, call, signal);
  }

  /** A path as the CLI writes it: its mount says what to ask for. */
  async function locate({ path, version }: CliRef, signal: AbortSignal): Promise<Read> {
    const plain: Read = { method: 'GET', target: encodePath(path), token, engine: 'api' };
    const found = await mounts.find(path, signal);
    // Without that endpoint (404) the server is older than KV version 2.
    if ('reply' in found && found.reply.status !== 200 && found.reply.status !== 404) throw why(found.reply, plain);
    const mount = 'mount' in found ? found.mount : { path: '', engine: 'api' as const };
    if (mount.engine === 'kv2') {
      const target = encodePath(`${mount.path}data/${path.slice(mount.path.length)}`);
      return { ...plain, target: version === undefined ? target : `${target}?version=${version}`, engine: 'kv2' };
    }
    if (version === undefined) return { ...plain, engine: mount.engine };
    throw new KeymountError('class-invalid', `${path} has no versions`, { hint: 'only KV version 2 keeps versions' });
  }

  async function explain(reply: Reply, call: Read, signal: AbortSignal): Promise<KeymountError> {
    const error = why(reply, call);
    const mayBePath = error.code === 'secret-missing' || error.code === 'secret-denied';
    if (call.engine !== 'api' || call.method !== 'GET' || !mayBePath) return error;
    const path = shownPath(call.target);
    const hint = hintPath(path, reply, await findQuietly(path, signal));
    return hint === undefined ? error : new KeymountError(error.code, error.message, { reason: error.reason, hint });
  }

  function why(reply: Reply, { method, target }: Read): KeymountError {
    const now = clock.now();
    const path = shownPath(target);
    return explainRead(reply, { server: address.text, namespace, role, secrets: [token], now, path, method });
  }

  async function findQuietly(path: string, signal: AbortSignal): Promise<Found | undefined> {
    try {
      return await mounts.find(path, signal);
    } catch {
      // It would have been a hint only; what failed first is told.
      return undefined;
    }
  }

  return {
    expires,
    read: (refs, signal) =>
      refs.map(async (ref) => {
        try {
          return await read(ref, signal);
        } catch (thrown) {
          throw thrown instanceof KeymountError || !signal.aborted ? thrown : abortedError(signal, address.text);
        }
      }),
    // OpenBao and Vault answer 403 alike for a token that ended and for a path that it may not read.
    isAuthorityLost: ({ code }) => code === 'secret-denied',
    // The connections belong to the backend, and tokens are left to their own end.
    close: () => {},
  };
}

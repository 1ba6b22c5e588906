import { KeymountError } from '../../errors.ts';
import type { Reply } from '../../net/request.ts';
import type { Clock } from '../../util/clock.ts';
import { type JsonValue, ownKey } from '../../util/json.ts';
import type { Secret } from '../backend.ts';
import type { VaultCall, VaultClient } from './client.ts';
import type { VaultConnection } from './connection.ts';
import { explainRead, explainUsedUp, type ReadQuestion } from './explain.ts';
import { hintPath } from './hint.ts';
import { mayIssue } from './issue-once.ts';
import type { Authority } from './login.ts';
import type { Found, Mount, Mounts } from './mounts.ts';
import { type CliRef, encodePath, shownPath, type VaultRef } from './ref.ts';
import { type Engine, replyToSecret } from './reply.ts';
import type { Uses } from './uses.ts';

/** A call that is ready to be sent, and how to read its reply. */
interface Read extends VaultCall {
  readonly engine: Engine;
  readonly revokeAt?: string;
}

/** What the sessions of one connection share. */
export interface VaultLine {
  readonly client: VaultClient;
  readonly mounts: Mounts;
}

/** What a session can do with its token. */
export interface Reader {
  readonly read: (ref: VaultRef, signal: AbortSignal) => Promise<Secret>;
  readonly isShareable: (ref: VaultRef, signal: AbortSignal) => Promise<boolean>;
}

/** Reads with one token. */
export function createReader(
  connection: VaultConnection,
  { client, mounts }: VaultLine,
  authority: Authority,
  clock: Clock,
): Reader {
  const { address, namespace } = connection;
  const { token, role, uses } = authority;

  async function read(ref: VaultRef, signal: AbortSignal): Promise<Secret> {
    const call: Read = ref.kind === 'api' ? { ...ref, token, engine: 'api' } : await locate(ref, signal);
    const once = mayIssue(call, call.engine, mounts.typeOf(shownPath(call.target)));
    const outcome = await uses.run(async (tries) => {
      const reply = await client.send({ ...call, tries, mayIssue: once }, signal);
      if (reply.status < 200 || reply.status > 299) return { reply };
      return { secret: issuedBy(uses, call, replyToSecret(reply, call.engine, shownPath(call.target), clock.now())) };
    });
    if (outcome === undefined) throw explainUsedUp(questionOf(call), uses.limit);
    if ('secret' in outcome) return outcome.secret;
    throw await explain(outcome.reply, call, signal);
  }

  /** A path as the CLI writes it: its mount says what to ask for, which costs no use of the token. */
  async function locate({ path, version }: CliRef, signal: AbortSignal): Promise<Read> {
    const plain: Read = { method: 'GET', target: encodePath(path), token, engine: 'api' };
    const found = await mounts.find(path, token, signal);
    // Without that endpoint (404) the server is older than KV version 2.
    if ('reply' in found && found.reply.status !== 200 && found.reply.status !== 404) throw why(found.reply, plain);
    const mount = 'mount' in found ? found.mount : undefined;
    if (mount?.engine === 'kv2') {
      const target = encodePath(`${mount.path}data/${path.slice(mount.path.length)}`);
      return { ...plain, target: version === undefined ? target : `${target}?version=${version}`, engine: 'kv2' };
    }
    if (version === undefined) return { ...plain, engine: mount?.engine ?? 'api' };
    throw new KeymountError('class-invalid', `${path} has no versions`, { hint: 'only KV version 2 keeps versions' });
  }

  async function explain(reply: Reply, call: Read, signal: AbortSignal): Promise<KeymountError> {
    const error = why(reply, call);
    const mayBePath = error.code === 'secret-missing' || error.code === 'secret-denied';
    if (call.engine === 'kv1' || call.method !== 'GET' || !mayBePath || uses.isLimited) return error;
    const path = shownPath(call.target);
    const hint = hintPath(path, reply, await findQuietly(path, signal));
    return hint === undefined ? error : new KeymountError(error.code, error.message, { reason: error.reason, hint });
  }

  function why(reply: Reply, call: Read): KeymountError {
    return explainRead(reply, questionOf(call), uses.limit);
  }

  function questionOf({ method, target }: Read): ReadQuestion {
    const facts = { server: address.text, namespace, role, secrets: [token], now: clock.now() };
    const version = new URLSearchParams(target.split('?')[1]).get('version') ?? undefined;
    return { ...facts, path: shownPath(target), version, method };
  }

  /** It would have been a hint only; what failed first is told. */
  function findQuietly(path: string, signal: AbortSignal): Promise<Found | undefined> {
    return mounts.find(path, token, signal).catch(() => undefined);
  }

  return {
    read,
    async isShareable(ref, signal) {
      if (uses.isLimited) return false;
      if (ref.kind === 'api' && (ref.method !== 'GET' || ref.args !== undefined)) return false;
      const path = ref.kind === 'api' ? shownPath(ref.target) : ref.path;
      const found = await findQuietly(path, signal);
      return found !== undefined && 'mount' in found && isStatic(found.mount, path);
    },
  };
}

/** The same for everybody who may read it, and without a lease: key-value secrets and the credentials of static roles. */
function isStatic({ engine, type, path: mount }: Mount, path: string): boolean {
  return engine !== 'api' || (type === 'database' && path.startsWith(`${mount}static-creds/`));
}

/** A secret that was read, and what it means for the token. To be called before its request ends. */
function issuedBy(uses: Uses, { revokeAt }: Read, secret: Secret): Secret {
  const { lease, keys, notAfter } = secret;
  const serial = ownKey(keys ?? {}, 'serial_number');
  // A certificate with a lease ends with the token.
  if (revokeAt !== undefined && lease === undefined && notAfter !== undefined && isSerial(serial)) {
    uses.keepBack();
    return { ...secret, takeBack: { at: revokeAt, serial } };
  }
  if (lease === undefined || !uses.isLimited) return secret;
  uses.leased();
  // A renewal would cost a use.
  return { ...secret, lease: { ...lease, renewable: false } };
}

/** https://datatracker.ietf.org/doc/html/rfc5280#section-4.1.2.2: at most 20 bytes, which Vault writes as `00:ff:…`. */
function isSerial(value: JsonValue | undefined): value is string {
  return typeof value === 'string' && value.length <= 100;
}

import type { LRUCache } from 'lru-cache';
import { KeymountError } from '../../errors.ts';
import { abortedError } from '../../net/aborted.ts';
import type { Address } from '../../net/address.ts';
import type { Reply } from '../../net/request.ts';
import { Flights } from '../../util/flight.ts';
import type { BackendDeps, Secret, Session } from '../backend.ts';
import type { Authority } from './authority.ts';
import { resourceOf } from './challenge.ts';
import type { AzureConnection } from './connection.ts';
import { explainRead } from './explain.ts';
import type { LoggedIn } from './login.ts';
import { type AzureRef, describeRef } from './ref.ts';
import { replyToSecret } from './reply.ts';
import type { Transport } from './transport.ts';
import { listVersions } from './versions.ts';

/** Supported since 2022, also by the clouds that lag behind. */
const apiVersion = 'api-version=7.4';

export interface SessionParts {
  readonly send: Transport;
  readonly deps: BackendDeps;
  readonly vault: Address;
  readonly loggedIn: LoggedIn;
  /** For which resource a token is wanted, by vault; what a challenge told is remembered for all sessions. */
  readonly resources: LRUCache<string, string>;
}

/** A vault, asked with one identity. */
export async function openSession(
  { constructPemChain }: Pick<AzureConnection, 'constructPemChain'>,
  { send, deps, vault, loggedIn, resources }: SessionParts,
  opening: AbortSignal,
): Promise<Session<AzureRef>> {
  const { who } = loggedIn;
  const lists = new Flights<string[]>();
  let resource = resources.get(vault.text) ?? loggedIn.cloud.resource;
  const authority = await loggedIn.authorityFor(resource, opening);
  let current: Authority = authority;

  async function ask(path: string, ref: AzureRef, verb: 'get' | 'list', signal: AbortSignal): Promise<Reply> {
    const asked = { resource, token: current.token };
    let reply = await sendWith(asked.token, path, signal);
    const wanted = resourceOf(reply, vault);
    if (wanted !== undefined && wanted !== asked.resource) {
      current = await loggedIn.authorityFor(wanted, signal);
      resource = wanted;
      reply = await sendWith(current.token, path, signal);
      if (reply.status !== 401) resources.set(vault.text, wanted);
    }
    if (reply.status === 200) return reply;
    if (reply.status === 401) loggedIn.forget(resource);
    throw explainRead(reply, { ref, vault: vault.text, verb, who, secrets: [current.token], now: deps.clock.now() });
  }

  function sendWith(token: string, path: string, signal: AbortSignal): Promise<Reply> {
    const headers = { Authorization: `Bearer ${token}`, Accept: 'application/json', 'User-Agent': 'keymount' };
    return send({ address: vault, call: 'read' }, { method: 'GET', path, headers }, signal);
  }

  async function read(ref: AzureRef, signal: AbortSignal): Promise<Secret> {
    const version = ref.back === undefined ? (ref.version ?? '') : await versionBefore(ref, ref.back, signal);
    const path = `/${ref.collection}/${ref.name}/${version}?${apiVersion}`;
    const reply = await ask(path, ref, 'get', signal);
    return await replyToSecret(reply, { ref, constructPemChain, now: deps.clock.now() });
  }

  /** The files of a history are read side by side, from one list. */
  async function versionBefore(ref: AzureRef, back: number, signal: AbortSignal): Promise<string> {
    const path = `/${ref.collection}/${ref.name}/versions?${apiVersion}`;
    const versions = await lists.run(path, signal, (shared) =>
      listVersions(path, ref, vault, (page) => ask(page, ref, 'list', shared)),
    );
    const start = ref.version === undefined ? 0 : versions.indexOf(ref.version);
    const version = start === -1 ? undefined : versions[start + back];
    if (version !== undefined) return version;
    throw new KeymountError('secret-missing', `there is no ${describeRef(ref)} in ${vault.text}`, {
      hint: `it has ${versions.length} enabled versions`,
    });
  }

  return {
    expires: authority.expires,
    serviceAccountUid: loggedIn.serviceAccountUid,
    // What a vault gives is the same for everybody who may read it, and has no lease.
    isShareable: async () => true,
    read: (refs, signal) =>
      refs.map((ref) =>
        read(ref, signal).catch((thrown: unknown) => {
          throw signal.aborted && !(thrown instanceof KeymountError) ? abortedError(signal, vault.text) : thrown;
        }),
      ),
    isAuthorityLost: ({ code }) => code === 'login-denied',
    // Connections belong to the backend, and tokens are left to their own end.
    close: () => {},
  };
}

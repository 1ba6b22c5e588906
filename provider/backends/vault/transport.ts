import { KeymountError } from '../../errors.ts';
import { type Address, defaultPorts, parseAddress, sameOrigin } from '../../net/address.ts';
import { matchAddress } from '../../net/address-pattern.ts';
import type { Pools } from '../../net/pools.ts';
import type { Message, Reply } from '../../net/request.ts';
import { retrying } from '../../net/retry.ts';
import type { BackendDeps } from '../backend.ts';
import type { VaultConnection } from './connection.ts';

/** A request as node-vault hands it on. */
export interface VaultRequest {
  /** Path and query, from `/v1/` on: the client has no endpoint of its own. */
  readonly uri: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The body, sent as JSON. */
  readonly json?: unknown;
  readonly signal: AbortSignal;
}

/** Sends a request and gives back the reply, whatever its status. Throws catalogue errors. */
export type Transport = (request: VaultRequest) => Promise<Reply>;

/** Milliseconds to get a connection. Past it the server is not there, rather than slow. */
const connectTimeout = 5_000;

const redirects: readonly number[] = [301, 302, 307, 308];

/**
 * What stands in for node-vault's own HTTP client: kept connections, tries, one redirect within the connection, and bounds. The
 * rules are those of Vault's Go client, with shorter waits.
 */
export function createTransport(connection: VaultConnection, pools: Pools, deps: BackendDeps): Transport {
  const { retries, timeout } = connection;
  const bounds = { timeout, connectTimeout, maxBytes: deps.replyBytes };

  function send(address: Address, message: Message, signal: AbortSignal): Promise<Reply> {
    const { tls, maxConcurrent, proxy, guarded } = connection;
    const pool = pools.get({ address, tls, maxConcurrent, proxy, guarded });
    return retrying(() => pool.exchange(message, bounds, signal), { retries, window: timeout }, deps, signal);
  }

  return async ({ uri, method, headers, json, signal }) => {
    const body = json === undefined ? undefined : JSON.stringify(json);
    const message: Message = {
      method,
      path: uri,
      headers: {
        ...headers,
        'X-Vault-Request': 'true',
        'User-Agent': 'keymount',
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      },
      body,
    };
    const reply = await send(connection.address, message, signal);
    if (!redirects.includes(reply.status)) return reply;
    const target = redirectTarget(connection, uri, reply);
    const second = await send(target.address, { ...message, path: target.path }, signal);
    if (!redirects.includes(second.status)) return second;
    throw refused(connection, 'it redirects more than once', 'check the api_addr of the servers and the load balancer');
  };
}

/** The request is repeated there as it was, with the pod's token: so it must be the same server. */
function redirectTarget(
  { address, alsoAt }: VaultConnection,
  uri: string,
  { headers: { location = '' } }: Reply,
): { address: Address; path: string } {
  const connection = { address };
  const base = address.scheme === 'unix' ? 'http://localhost' : address.text;
  const url = URL.parse(location, base + uri);
  if (location === '' || url === null) throw refused(connection, 'it redirects to nowhere');
  const path = url.pathname + url.search;
  if (address.scheme === 'unix' && url.origin === base) return { address, path };
  const parsed = parseAddress(url.origin);
  if ('problem' in parsed) throw refused(connection, 'it redirects to something that is no HTTP server');
  const target = parsed.address;
  if (sameOrigin(target, address)) return { address: bare(address), path };
  if (address.scheme === 'https' && target.scheme !== 'https') {
    throw refused(connection, `it redirects from https to plain http (${target.text})`);
  }
  if (isUpgrade(address, target) || matchAddress(alsoAt, target) !== undefined) return { address: target, path };
  throw refused(
    connection,
    `it redirects to another host (${target.text})`,
    `list it in allowedAddresses if it is the same server`,
  );
}

/** From http to https on the same host, as a server does that has both. */
function isUpgrade(from: Address, to: Address): boolean {
  const usual = from.port === defaultPorts.http && to.port === defaultPorts.https;
  return from.scheme === 'http' && to.scheme === 'https' && from.host === to.host && (from.port === to.port || usual);
}

/** A Location has the whole path, prefix included. */
function bare(address: Address): Address {
  return address.prefix === '' ? address : { ...address, prefix: '' };
}

function refused({ address }: { readonly address: Address }, reason: string, hint?: string): KeymountError {
  return new KeymountError('backend-redirect', `will not follow the redirect of ${address.text}`, { reason, hint });
}

import { toKeymountError } from '../../errors.ts';
import type { Address } from '../../net/address.ts';
import type { Pools } from '../../net/pools.ts';
import type { Message, Outcome, Reply } from '../../net/request.ts';
import { retrying } from '../../net/retry.ts';
import type { BackendDeps, BackendRequest } from '../backend.ts';
import type { VaultConnection } from './connection.ts';
import { isUndone, uncertainIssue } from './issue-once.ts';
import { reasonOf } from './reason.ts';
import { isRedirect, redirectTarget, refusedRedirect } from './redirect.ts';

/** A request as node-vault hands it on. */
export interface VaultRequest {
  /** Path and query, from `/v1/` on: the client has no endpoint of its own. */
  readonly uri: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The body, sent as JSON. */
  readonly json?: unknown;
  readonly signal: AbortSignal;
  /** Absent: it may be tried as often as the connection allows. */
  readonly tries?: Tries;
  /** Sent again only where the server surely did not carry it out. Throws `issue-uncertain` where its answer does not say so. */
  readonly mayIssue?: boolean;
}

/** The tries of a request that are counted somewhere, the first of them already. */
export interface Tries {
  /** May it be tried once more? */
  readonly again: () => boolean;
  /** The last try never got to the server. */
  readonly unsent: () => void;
}

/** Sends a request and gives back the reply, whatever its status. Throws catalogue errors. */
export type Transport = (request: VaultRequest) => Promise<Reply>;

/** Milliseconds to get a connection. Past it the server is not there, rather than slow. */
const connectTimeout = 5_000;
/** Milliseconds for a renewal at most: it is quick or not at all, and another must be in time. */
const renewTimeout = 10_000;

/**
 * What stands in for node-vault's own HTTP client: kept connections, tries, one redirect within the connection, and bounds. The
 * rules are those of Vault's Go client, with shorter waits.
 */
export function createTransport(connection: VaultConnection, pools: Pools, deps: BackendDeps): Transport {
  const { retries, timeout } = connection;

  async function send(address: Address, message: Message, signal: AbortSignal, tries?: Tries): Promise<Reply> {
    const { tls, maxConcurrent, proxy, guarded } = connection;
    const pool = pools.get({ address, tls, maxConcurrent, proxy, guarded });
    const patience = callOf(message) === 'renew' ? Math.min(timeout, renewTimeout) : timeout;
    const bounds = { timeout: patience, connectTimeout, maxBytes: deps.replyBytes };
    let last: Outcome | undefined;
    const attempt = async () => {
      if (last !== undefined && tries?.again() === false) return asFinal(last);
      const started = deps.clock.now();
      const outcome = await pool.exchange(message, bounds, signal);
      if (outcome.unsent) tries?.unsent();
      last = outcome;
      const seconds = (deps.clock.now() - started) / 1000;
      deps.onRequest({ call: callOf(message), code: codeOf(outcome), seconds });
      return message.once && !isUndone(outcome) ? asFinal(outcome) : outcome;
    };
    try {
      const reply = await retrying(attempt, { retries, window: patience }, deps, signal);
      if (!message.once || isUndone({ reply })) return reply;
      throw uncertainIssue(message, reasonOf(reply, [message.headers['X-Vault-Token'] ?? '']));
    } catch (thrown) {
      const error = toKeymountError(thrown);
      if (!message.once || last === undefined || isUndone(last) || error.code === 'issue-uncertain') throw thrown;
      throw uncertainIssue(message, error.reason === undefined ? error.message : `${error.message}: ${error.reason}`);
    }
  }

  return async ({ uri, method, headers, json, signal, tries, mayIssue = false }) => {
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
      lane: laneOf(connection.namespace, uri),
      ...(mayIssue ? { once: true } : {}),
    };
    const reply = await send(connection.address, message, signal, tries);
    if (!isRedirect(reply)) return reply;
    const target = redirectTarget(connection, uri, reply);
    // Who redirects has not looked at the token: the try counts at the second server.
    const second = await send(target.address, { ...message, path: target.path }, signal, tries);
    if (!isRedirect(second)) return second;
    throw refusedRedirect(
      connection,
      'it redirects more than once',
      'check the api_addr of the servers and the load balancer',
    );
  };
}

/** No other try would be of use. */
function asFinal(outcome: Outcome): Outcome {
  return 'reply' in outcome ? { ...outcome, final: true } : { ...outcome, transient: false };
}

/** The engine or method that is asked: a database that is down makes Vault wait for it, and its other engines answer. */
function laneOf(namespace: string | undefined, uri: string): string {
  return `${namespace ?? ''} ${/^\/v1\/([^/?]*)/.exec(uri)?.[1] ?? ''}`;
}

function callOf({ method, path }: Message): BackendRequest['call'] {
  if (path === '/v1/auth/token/renew-self' || path === '/v1/sys/leases/renew') return 'renew';
  if (path === '/v1/auth/token/revoke-self') return 'revoke';
  if (path.startsWith('/v1/auth/')) return 'login';
  return method === 'GET' || method === 'LIST' ? 'read' : 'write';
}

/** For the metrics; what a pod is told comes from the whole reply. */
function codeOf(outcome: Outcome): BackendRequest['code'] {
  if ('failure' in outcome) return outcome.failure.code;
  const { status } = outcome.reply;
  if (status < 400) return 'ok';
  if (status === 403) return 'secret-denied';
  if (status === 404) return 'secret-missing';
  if (status === 429) return 'backend-throttled';
  return status < 500 ? 'backend-rejected' : 'backend-unreachable';
}

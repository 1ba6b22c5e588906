import type { Address } from '../../net/address.ts';
import type { TlsSettings } from '../../net/agents.ts';
import { createPools, type Pools } from '../../net/pools.ts';
import type { Message, Outcome, Reply } from '../../net/request.ts';
import { retrying } from '../../net/retry.ts';
import type { BackendDeps, BackendRequest } from '../backend.ts';
import type { AzureConnection } from './connection.ts';

/** Whom a request is for, and what it is. */
export interface Target {
  readonly address: Address;
  readonly call: BackendRequest['call'];
  /** Other than those of the connection. */
  readonly tls?: TlsSettings;
  /** Of this node or cluster: never through a proxy, and an address of the admin's. */
  readonly near?: boolean;
}

/** Sends a request and gives back the reply, whatever its status. Throws catalogue errors. */
export type Transport = (target: Target, message: Message, signal: AbortSignal) => Promise<Reply>;

/** Milliseconds to get a connection. Past it the server is not there, rather than slow. */
const connectTimeout = 5_000;

/** The kept connections of all sessions: a vault that asks to be left alone is left alone by all pods. */
export class Lines {
  readonly #far: Pools;
  readonly #near: Pools;
  readonly #deps: BackendDeps;

  constructor(deps: BackendDeps) {
    const { clock, random, proxy, trust } = deps;
    this.#deps = deps;
    this.#far = createPools({ clock, random, proxies: proxy, trust });
    this.#near = createPools({ clock, random, proxies: { https: undefined, http: undefined, no: [] }, trust });
  }

  list() {
    return [...this.#far.list(), ...this.#near.list()];
  }

  transportOf(connection: AzureConnection): Transport {
    const { timeout, retries, maxConcurrent, proxy, guarded } = connection;
    const bounds = { timeout, connectTimeout, maxBytes: this.#deps.replyBytes };
    return ({ address, call, near, tls = connection.tls }, message, signal) => {
      const pool = near
        ? this.#near.get({ address, tls, maxConcurrent, proxy: undefined, guarded: false })
        : this.#far.get({ address, tls, maxConcurrent, proxy, guarded });
      const attempt = async () => {
        const started = this.#deps.clock.now();
        const outcome = await pool.exchange(message, bounds, signal);
        const seconds = (this.#deps.clock.now() - started) / 1000;
        this.#deps.onRequest({ call, code: codeOf(outcome, call), seconds });
        return outcome;
      };
      return retrying(attempt, { retries, window: timeout }, this.#deps, signal);
    };
  }
}

/** For the metrics; what a pod is told comes from the whole reply. */
function codeOf(outcome: Outcome, call: BackendRequest['call']): BackendRequest['code'] {
  if ('failure' in outcome) return outcome.failure.code;
  const { status } = outcome.reply;
  if (status < 400) return 'ok';
  if (status === 429) return 'backend-throttled';
  if (status >= 500) return 'backend-unreachable';
  if (call === 'login' || status === 401) return 'login-denied';
  if (status === 403) return 'secret-denied';
  return status === 404 ? 'secret-missing' : 'backend-rejected';
}

import type { Address } from '../../net/address.ts';
import type { Pools } from '../../net/pools.ts';
import type { Message, Outcome, Reply } from '../../net/request.ts';
import { retrying } from '../../net/retry.ts';
import type { JsonObject } from '../../util/json.ts';
import type { BackendDeps, BackendRequest } from '../backend.ts';
import type { GcpConnection } from './connection.ts';

/** A request to one of Google Cloud's APIs. */
export interface GcpCall {
  readonly address: Address;
  /** Behind the path of the address, percent-encoded. */
  readonly path: string;
  readonly kind: BackendRequest['call'];
  /** Sent as a POST. */
  readonly body?: JsonObject;
  /** Access token. */
  readonly token?: string;
}

/** The kept connections of one connection's settings. Replies come back whole, whatever their status. Throws catalogue errors. */
export interface GcpLine {
  readonly send: (call: GcpCall, signal: AbortSignal) => Promise<Reply>;
  /** The same to the metadata server, which no proxy leads to and which answers at once or is not there. */
  readonly askMetadata: (path: string, signal: AbortSignal) => Promise<Reply>;
}

/** Milliseconds to get a connection. */
const connectTimeout = 5_000;
const metadataTimeout = 2_000;

export function createLine(
  connection: GcpConnection,
  pools: { readonly apis: Pools; readonly metadata: Pools },
  deps: BackendDeps,
): GcpLine {
  const { ca, maxConcurrent, proxy, retries, timeout, endpoints } = connection;
  const tls = { skipVerify: false, ...(ca === undefined ? {} : { ca: { path: ca } }) };
  const maxBytes = deps.replyBytes;

  function send(
    pool: ReturnType<Pools['get']>,
    message: Message,
    kind: BackendRequest['call'],
    bounds: { timeout: number; connectTimeout: number },
    signal: AbortSignal,
  ): Promise<Reply> {
    const attempt = async () => {
      const started = deps.clock.now();
      const outcome = await pool.exchange(message, { ...bounds, maxBytes }, signal);
      const seconds = (deps.clock.now() - started) / 1000;
      deps.onRequest({ call: kind, code: codeOf(outcome), seconds });
      return outcome;
    };
    return retrying(attempt, { retries, window: bounds.timeout }, deps, signal);
  }

  return {
    send({ address, path, kind, body, token }, signal) {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const message: Message = {
        method: text === undefined ? 'GET' : 'POST',
        path,
        headers: {
          'User-Agent': 'keymount',
          Accept: 'application/json',
          ...(text === undefined ? {} : { 'Content-Type': 'application/json' }),
          ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
        },
        body: text,
      };
      const pool = pools.apis.get({ address, tls, maxConcurrent, proxy, guarded: false });
      return send(pool, message, kind, { timeout, connectTimeout }, signal);
    },
    askMetadata(path, signal) {
      const message: Message = {
        method: 'GET',
        path: `/computeMetadata/v1/${path}`,
        headers: { 'Metadata-Flavor': 'Google', 'User-Agent': 'keymount' },
      };
      const options = { tls: { skipVerify: false }, maxConcurrent, proxy: undefined, guarded: false };
      const pool = pools.metadata.get({ address: endpoints.metadata, ...options });
      const bounds = { timeout: metadataTimeout, connectTimeout: metadataTimeout };
      return send(pool, message, 'login', bounds, signal);
    },
  };
}

/** For the metrics; what a pod is told comes from the whole reply. */
function codeOf(outcome: Outcome): BackendRequest['code'] {
  if ('failure' in outcome) return outcome.failure.code;
  const { status } = outcome.reply;
  if (status < 400) return 'ok';
  if (status === 401) return 'login-denied';
  if (status === 403) return 'secret-denied';
  if (status === 404) return 'secret-missing';
  if (status === 429) return 'backend-throttled';
  return status < 500 ? 'backend-rejected' : 'backend-unreachable';
}

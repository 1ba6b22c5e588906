import type { Code } from '../../errors.ts';
import type { Address } from '../../net/address.ts';
import type { Pools } from '../../net/pools.ts';
import type { Outcome, Reply } from '../../net/request.ts';
import { retrying } from '../../net/retry.ts';
import type { BackendDeps } from '../backend.ts';
import type { AwsConnection } from './connection.ts';
import type { Service } from './endpoints.ts';
import { faultOf, isThrottling } from './fault.ts';
import { type Credentials, signedHeaders } from './sign.ts';
import { Skew } from './skew.ts';

/** A POST request to a service. */
export interface AwsRequest {
  readonly service: Service;
  readonly region: string;
  readonly address: Address;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Undefined: what proves who asks is in the body. */
  readonly credentials: Credentials | undefined;
}

/** Sends a request, more than once where that can help, and gives back the reply, whatever its status. Throws catalogue errors. */
export type Transport = (request: AwsRequest, signal: AbortSignal) => Promise<Reply>;

/** Milliseconds to get a connection. Past it the service is not there, rather than slow. */
const connectTimeout = 5_000;

export function createTransport(connection: AwsConnection, pools: Pools, deps: BackendDeps): Transport {
  const { retries, timeout, maxConcurrent, proxy, ca } = connection;
  const bounds = { timeout, connectTimeout, maxBytes: deps.replyBytes };
  const tls = { skipVerify: false, ...(ca === undefined ? {} : { ca: { path: ca } }) };

  const skew = new Skew();

  return async (request, signal) => {
    const { service, address, credentials, body } = request;
    const pool = pools.get({ address, tls, maxConcurrent, proxy, guarded: false });
    const headers = { ...request.headers, 'User-Agent': 'keymount' };
    const unsigned = { ...request, path: '/', headers };
    const send = async (): Promise<Outcome & { readonly signedAt: number }> => {
      const started = deps.clock.now();
      const signedAt = started + skew.ms;
      const signed = credentials === undefined ? headers : signedHeaders(unsigned, credentials, signedAt);
      const outcome = await pool.exchange({ method: 'POST', path: '/', headers: signed, body }, bounds, signal);
      const seconds = (deps.clock.now() - started) / 1000;
      const call = service === 'sts' ? 'login' : 'read';
      deps.onRequest({ call, code: codeOf(outcome), seconds });
      return { ...outcome, signedAt };
    };
    const attempt = async (): Promise<Outcome> => {
      const first = await send();
      const isLate = credentials !== undefined && skew.learn(first, first.signedAt, deps.clock.now());
      return withPlainStatus(isLate ? await send() : first);
    };
    return await retrying(attempt, { retries, window: timeout }, deps, signal);
  };
}

/** Most services throttle with status 400. */
function withPlainStatus(outcome: Outcome): Outcome {
  if (!('reply' in outcome) || outcome.reply.status < 400 || outcome.reply.status >= 500) return outcome;
  const { code } = faultOf(outcome.reply);
  if (isThrottling(code)) return { ...outcome, reply: { ...outcome.reply, status: 429 } };
  // STS could not ask the cluster for its keys, and asks for another try.
  if (code === 'IDPCommunicationError') return { ...outcome, reply: { ...outcome.reply, status: 503 } };
  return outcome;
}

/** For the metrics; what a pod is told comes from the whole reply. */
function codeOf(outcome: Outcome): 'ok' | Code {
  if ('failure' in outcome) return outcome.failure.code;
  const { reply } = outcome;
  if (reply.status < 400) return 'ok';
  if (reply.status >= 500) return 'backend-unreachable';
  const { code } = faultOf(reply);
  if (isThrottling(code) || reply.status === 429) return 'backend-throttled';
  if (/AccessDenied/.test(code) || reply.status === 403) return 'secret-denied';
  return code === 'ResourceNotFoundException' ? 'secret-missing' : 'backend-rejected';
}

import { STATUS_CODES } from 'node:http';
import type { Clock } from '../util/clock.ts';
import { isJsonObject, type JsonObject, ownKey, parseJson } from '../util/json.ts';
import type { KubeConfig } from './config.ts';
import { KubeError, noAnswer } from './kube-error.ts';
import { createMaterialReader } from './material.ts';
import { createTransport } from './transport.ts';

/** A connection to one API server. Replies are JSON objects; everything else is a KubeError. */
export interface KubeApi {
  /** keymount's own namespace. */
  readonly namespace: string;
  readonly get: (path: string, options?: CallOptions) => Promise<JsonObject>;
  readonly post: (path: string, body: object, options?: CallOptions) => Promise<JsonObject>;
  readonly close: () => void;
}

export interface CallOptions {
  /** Rejects with its reason when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds until KubeError `Timeout`; 5 s unless told. */
  readonly timeout?: number | undefined;
}

export interface KubeApiDeps {
  readonly clock: Clock;
  /** Default of `CallOptions.timeout`. */
  readonly timeout?: number;
  /** Bytes of one reply, 2 MiB unless told: no Secret is larger. */
  readonly largestReply?: number;
}

/**
 * The few calls that keymount makes, on keep-alive connections. Without a rate limit of its own: the Go client's five calls a
 * second are what makes the Go providers slow in a storm, and the API server has its own priority and fairness.
 */
export function createKubeApi(config: KubeConfig, deps: KubeApiDeps): KubeApi {
  const { clock, timeout = 5000, largestReply = 2 * 1024 * 1024 } = deps;
  const transport = createTransport(config, createMaterialReader(), largestReply);

  async function call(method: string, path: string, body: object | undefined, options: CallOptions) {
    options.signal?.throwIfAborted();
    const text = body === undefined ? undefined : JSON.stringify(body);
    const limit = timeLimit(clock, options.timeout ?? timeout, options.signal);
    try {
      const reply = await transport.exchange({ method, path, body: text }, limit.signal);
      return understand(reply.status, reply.body);
    } catch (error) {
      // the abort itself is seen as a destroyed connection
      options.signal?.throwIfAborted();
      if (limit.signal.aborted) throw limit.signal.reason;
      throw error;
    } finally {
      limit.end();
    }
  }

  return {
    namespace: config.namespace,
    get: (path, options = {}) => call('GET', path, undefined, options),
    post: (path, body, options = {}) => call('POST', path, body, options),
    close: () => transport.close(),
  };
}

/** `/api/v1/namespaces/shop/secrets/key` of its parts. Throws KubeError `BadName` for a part that could change the path. */
export function apiPath(...parts: readonly string[]): string {
  return parts
    .map((part) => {
      if (part === '' || part === '.' || part === '..') {
        throw new KubeError(undefined, noAnswer.badName, `"${part}" is no name of a Kubernetes object`);
      }
      return `/${encodeURIComponent(part)}`;
    })
    .join('');
}

function timeLimit(clock: Clock, ms: number, outer: AbortSignal | undefined) {
  const over = new AbortController();
  const ended = new AbortController();
  clock.sleep(ms, ended.signal).then(
    () => over.abort(new KubeError(undefined, noAnswer.timeout, `no answer from the API server within ${ms} ms`)),
    () => undefined,
  );
  return {
    signal: outer === undefined ? over.signal : AbortSignal.any([over.signal, outer]),
    end: () => ended.abort(),
  };
}

function understand(status: number, body: Buffer): JsonObject {
  const object = parseObject(body);
  if (status >= 200 && status < 300) {
    if (object !== undefined) return object;
    throw new KubeError(undefined, noAnswer.badReply, 'the API server answered with something that is no JSON object');
  }
  throw new KubeError(
    status,
    text(object, 'reason') ?? STATUS_CODES[status] ?? 'Unknown',
    text(object, 'message') ?? 'no message',
  );
}

function parseObject(body: Buffer): JsonObject | undefined {
  try {
    const value = parseJson(body.toString('utf8'));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function text(object: JsonObject | undefined, key: string): string | undefined {
  const value = object === undefined ? undefined : ownKey(object, key);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

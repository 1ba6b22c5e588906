import { STATUS_CODES } from 'node:http';
import type { Trust } from '../net/trust.ts';
import type { Clock } from '../util/clock.ts';
import { isJsonObject, type JsonObject, ownKey, parseJson } from '../util/json.ts';
import { SecretString } from '../util/secret-string.ts';
import type { KubeConfig } from './config.ts';
import { KubeError, noAnswer } from './kube-error.ts';
import { splitLines } from './lines.ts';
import type { StreamBounds } from './stream.ts';
import { createTransport } from './transport.ts';

/** A connection to one API server. Replies are JSON objects; everything else is a KubeError. */
export interface KubeApi {
  /** keymount's own namespace. */
  readonly namespace: string;
  readonly get: (path: string, options?: CallOptions) => Promise<JsonObject>;
  readonly post: (path: string, body: object, options?: CallOptions) => Promise<JsonObject>;
  /** The text of a reply of another type or size than the others; the caller reads it. */
  readonly text: (path: string, options: TextOptions) => Promise<string>;
  /** The lines of a reply while it comes. Throws KubeError also while it is read: `Silent`, `Unreachable` where it is cut. */
  readonly lines: (path: string, options: LinesOptions) => AsyncGenerator<string>;
  /** keymount's own token, for whom the API server made it; undefined without one. Throws KubeError `BadCredentials`. */
  readonly ownToken: () => Promise<SecretString | undefined>;
  readonly close: () => void;
}

export interface CallOptions {
  /** Rejects with its reason when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds until KubeError `Unreachable`; 5 s unless told. */
  readonly timeout?: number | undefined;
}

export interface TextOptions extends CallOptions {
  readonly accept: string;
  /** Bytes. */
  readonly largestReply: number;
}

export interface LinesOptions extends StreamBounds {
  readonly accept: string;
  readonly signal: AbortSignal;
  /** Bytes of one line. */
  readonly longestLine: number;
  /** Called when the server has agreed, which may be long before the first line. */
  readonly onOpen: () => void;
}

export interface KubeApiDeps {
  readonly clock: Clock;
  /** Default of `CallOptions.timeout`. */
  readonly timeout?: number;
  /** Bytes of one reply, 2 MiB unless told: no Secret is larger. */
  readonly largestReply?: number;
  /** Whom to trust where the configuration names no CA. Absent: the CAs of the system in the usual places. */
  readonly trust?: Trust;
}

/**
 * The few calls that keymount makes, on keep-alive connections. Without a rate limit of its own: the Go client's five calls a
 * second are what makes the Go providers slow in a storm, and the API server has its own priority and fairness.
 */
export function createKubeApi(config: KubeConfig, deps: KubeApiDeps): KubeApi {
  const transport = createTransport(config, deps.clock, deps.largestReply ?? 2 * 1024 * 1024, deps.trust);

  async function call(method: 'GET' | 'POST', path: string, body: string | undefined, options: CallOptions) {
    const signal = options.signal ?? new AbortController().signal;
    signal.throwIfAborted();
    const reply = await transport.exchange({ method, path, body }, options.timeout ?? deps.timeout ?? 5000, signal);
    return understand(reply.status, reply.body);
  }

  async function* lines(path: string, { accept, signal, longestLine, onOpen, ...bounds }: LinesOptions) {
    const { status, chunks } = await transport.open(path, accept, bounds, signal);
    if (status !== 200) throw failure(status, await readStart(chunks));
    onOpen();
    yield* splitLines(chunks, longestLine);
  }

  return {
    lines,
    async text(path, { accept, largestReply, timeout = deps.timeout ?? 5000, signal = new AbortController().signal }) {
      signal.throwIfAborted();
      const message = { method: 'GET', path, body: undefined, accept, maxBytes: largestReply } as const;
      const { status, body } = await transport.exchange(message, timeout, signal);
      if (status !== 200) throw failure(status, body);
      return body.toString('utf8');
    },
    namespace: config.namespace,
    get: (path, options = {}) => call('GET', path, undefined, options),
    post: (path, body, options = {}) => call('POST', path, JSON.stringify(body), options),
    async ownToken() {
      const token = await transport.token();
      return token === undefined ? undefined : new SecretString(token);
    },
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

function understand(status: number, body: Buffer): JsonObject {
  if (status < 200 || status > 299) throw failure(status, body);
  const object = parseObject(body);
  if (object !== undefined) return object;
  throw new KubeError(undefined, noAnswer.badReply, 'the API server answered with something that is no JSON object');
}

/** Of a Status, or of anything else. */
function failure(status: number, body: Buffer): KubeError {
  const object = parseObject(body);
  const reason = text(object, 'reason') ?? STATUS_CODES[status] ?? 'Unknown';
  return new KubeError(status, reason, text(object, 'message') ?? 'no message');
}

/** At most about 64 KiB: enough for any Status. */
async function readStart(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    parts.push(chunk);
    size += chunk.length;
    if (size > 65_536) break;
  }
  return Buffer.concat(parts);
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

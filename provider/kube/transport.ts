import { hostPort } from '../net/address.ts';
import { connectionFailure } from '../net/connection-error.ts';
import { exchange, type Line, type Reply } from '../net/request.ts';
import { type Trust, usualTrust } from '../net/trust.ts';
import type { Clock } from '../util/clock.ts';
import { Semaphore } from '../util/semaphore.ts';
import { createKubeAgents } from './agents.ts';
import { asKubeError } from './as-kube-error.ts';
import type { KubeConfig } from './config.ts';
import { KubeError } from './kube-error.ts';
import { createMaterialReader, type Material } from './material.ts';
import { openStream, type Stream, type StreamBounds } from './stream.ts';

/** The HTTP side of the API server: one pool of connections, made anew when a certificate changes. */
export interface Transport {
  /** Any reply, whatever its status. `path` begins with `/`. Throws KubeError; the signal's reason when it aborts. */
  readonly exchange: (message: ApiMessage, timeout: number, signal: AbortSignal) => Promise<Reply>;
  /** A reply to be read while it comes, any status. Throws as `exchange` does, while it is read too. */
  readonly open: (path: string, accept: string, bounds: StreamBounds, signal: AbortSignal) => Promise<Stream>;
  /** keymount's own token, if it has one. Throws KubeError `BadCredentials`. */
  readonly token: () => Promise<string | undefined>;
  readonly close: () => void;
}

export interface ApiMessage {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** JSON. */
  readonly body: string | undefined;
  /** Other than JSON in general. */
  readonly accept?: string | undefined;
  /** Bytes of the reply, if not the transport's. */
  readonly maxBytes?: number | undefined;
}

/** The JWKS has a type of its own, and a server that has no other: a plain application/json is answered 406 there. */
const anyJson = 'application/json, application/jwk-set+json';

/** Calls at once, each with a connection; more wait for their turn. Those that are read while they come are not counted. */
const mostCalls = 16;

export function createTransport(
  config: KubeConfig,
  clock: Clock,
  mostBytes: number,
  trust: Trust = usualTrust,
): Transport {
  const material = createMaterialReader();
  const read = async (one: Material | undefined) => (one === undefined ? undefined : await material.read(one));
  const turns = new Semaphore(mostCalls);
  const peer = { address: config.server.text, endpoint: hostPort(config.server) };
  const agents = createKubeAgents(config, read, trust, clock);

  async function headersFor(accept: string, hasBody: boolean): Promise<Record<string, string>> {
    const token = (await read(config.token))?.trim();
    return {
      accept,
      'user-agent': 'keymount',
      ...(hasBody ? { 'content-type': 'application/json' } : {}),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
  }

  return {
    async open(path, accept, bounds, signal) {
      const asKube = (error: unknown) =>
        error instanceof KubeError || signal.aborted ? error : asKubeError(connectionFailure(error, peer).failure);
      const headers = await headersFor(accept, false);
      const call = { address: config.server, agent: await agents.current(), path, headers };
      try {
        const { status, chunks } = await openStream(call, bounds, clock, signal);
        return { status, chunks: mapErrors(chunks, asKube) };
      } catch (error) {
        throw asKube(error);
      }
    },
    async exchange({ method, path, body, accept = anyJson, maxBytes = mostBytes }, timeout, signal) {
      const headers = await headersFor(accept, body !== undefined);
      const line: Line = { address: config.server, peer, agent: await agents.current(), lookup: undefined, clock };
      const until = clock.now() + timeout;
      const send = () => {
        const left = Math.max(1, until - clock.now());
        const bounds = { timeout: left, connectTimeout: left, maxBytes };
        return exchange(line, { method, path, headers, body }, bounds, signal);
      };
      const outcome = await turns.run(send, signal);
      if ('reply' in outcome) return outcome.reply;
      signal.throwIfAborted();
      throw asKubeError(outcome.failure);
    },
    token: async () => (await read(config.token))?.trim(),
    close: agents.close,
  };
}

async function* mapErrors(chunks: AsyncIterable<Buffer>, map: (error: unknown) => unknown): AsyncGenerator<Buffer> {
  try {
    yield* chunks;
  } catch (error) {
    throw map(error);
  }
}

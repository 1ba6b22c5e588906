import type { Agent, IncomingMessage } from 'node:http';
import { request } from 'node:https';
import type { Address } from '../net/address.ts';
import { Dialing } from '../net/dial.ts';
import type { KeptRequestArgs } from '../net/kept-agent.ts';
import type { Clock } from '../util/clock.ts';
import { KubeError, noAnswer } from './kube-error.ts';

/** A reply that is read while it comes. */
export interface Stream {
  readonly status: number;
  /** To be read to its end or left with `break`, which closes the connection. Throws where the reply is cut or goes silent. */
  readonly chunks: AsyncIterable<Buffer>;
}

export interface StreamCall {
  readonly address: Address;
  readonly agent: Agent;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface StreamBounds {
  /** Milliseconds until the head of the reply. */
  readonly headTimeout: number;
  /** Milliseconds without a byte, up to half as much again, after which the reply counts as dead. */
  readonly silence: number;
}

/** Throws what Node throws, KubeError `Silent`, or the signal's reason. */
export async function openStream(
  call: StreamCall,
  bounds: StreamBounds,
  clock: Clock,
  signal: AbortSignal,
): Promise<Stream> {
  signal.throwIfAborted();
  const { address, agent, path, headers } = call;
  const { host, port } = address;
  const dialing = new Dialing();
  const options: KeptRequestArgs = { agent, dialing, method: 'GET', host, port, path: address.prefix + path, headers };
  const outgoing = request(options);
  const done = new AbortController();
  const end = () => {
    signal.removeEventListener('abort', end);
    done.abort(null);
    dialing.cancel();
    outgoing.destroy();
  };
  signal.addEventListener('abort', end, { once: true });
  try {
    const incoming = await head(outgoing, bounds.headTimeout, clock, done.signal);
    return { status: incoming.statusCode ?? 0, chunks: read(incoming, bounds.silence, clock, end, signal) };
  } catch (error) {
    end();
    signal.throwIfAborted();
    throw error;
  }
}

function head(
  outgoing: ReturnType<typeof request>,
  timeout: number,
  clock: Clock,
  done: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    // It stays: an error after the head is the reader's, who gets it from the reply.
    outgoing.on('error', reject);
    outgoing.on('close', () => reject(new KubeError(undefined, noAnswer.unreachable, 'the connection was closed')));
    outgoing.on('upgrade', (_incoming, socket) => socket.destroy());
    outgoing.on('response', resolve);
    clock.sleep(timeout, done).then(
      () => reject(silent(timeout)),
      () => {},
    );
    outgoing.end();
  });
}

async function* read(incoming: IncomingMessage, silence: number, clock: Clock, end: () => void, signal: AbortSignal) {
  let quiet = false;
  let dead = false;
  const stop = new AbortController();
  // Whoever is not fed in two steps running is dead; a timer for each chunk would cost more than the chunk.
  const watch = async () => {
    for (let missed = 0; missed < 2; missed = quiet ? missed + 1 : 0) {
      quiet = true;
      await clock.sleep(silence / 2, stop.signal);
    }
    dead = true;
    end();
  };
  watch().catch(() => {});
  try {
    for await (const chunk of incoming as AsyncIterable<Buffer>) {
      quiet = false;
      yield chunk;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw dead ? silent(silence) : error;
  } finally {
    stop.abort(null);
    end();
  }
}

function silent(ms: number): KubeError {
  return new KubeError(undefined, noAnswer.silent, `the API server sent nothing for ${ms / 1000} s`);
}

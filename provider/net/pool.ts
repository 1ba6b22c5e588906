import { Agent } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import { KeymountError } from '../errors.ts';
import type { Clock } from '../util/clock.ts';
import { Semaphore } from '../util/semaphore.ts';
import { abortedError } from './aborted.ts';
import { type Address, hostPort } from './address.ts';
import { Breaker, type BreakerState } from './breaker.ts';
import { guardedLookup } from './forbidden-ip.ts';
import { type ProxySettings, proxyFor, proxyName } from './proxy.ts';
import { type Bounds, exchange, type Line, type Message, type Outcome } from './request.ts';
import { createTlsMaterialReader, type TlsFiles, type TlsMaterial } from './tls-files.ts';

/** What kept connections have in common. Equal options share a pool. */
export interface PoolOptions {
  readonly address: Address;
  readonly tls: TlsSettings;
  /** Requests in flight; more wait for their turn. */
  readonly maxConcurrent: number;
  /** URL of an HTTP proxy for this connection, whatever the process's proxy settings say. */
  readonly proxy: string | undefined;
  /** Refuse addresses that a class must not reach when the name is resolved. */
  readonly guarded: boolean;
}

export interface TlsSettings extends TlsFiles {
  /** The name that the certificate must have (and SNI asks for) instead of the address's host. */
  readonly serverName?: string | undefined;
  readonly skipVerify: boolean;
}

/** Kept connections to one address. */
export interface Pool {
  /** Sends when it is its turn. Rejects on defects of ours only. */
  readonly exchange: (message: Message, bounds: Bounds, signal: AbortSignal) => Promise<Outcome>;
  readonly load: { readonly held: number; readonly waiting: number };
  readonly breaker: () => BreakerState;
  readonly close: () => void;
}

/** What pools work with. */
export interface PoolDeps {
  readonly clock: Clock;
  /** 0 <= x < 1. */
  readonly random: () => number;
  readonly proxies: ProxySettings;
}

/** Milliseconds that an idle connection is kept: below the 60 s after which common load balancers drop it silently. */
const idle = 45_000;

/** Idle connections kept after a storm; a few, and in the storm itself many would be made again and again. */
const maxIdle = 64;

/** An eighth of the requests in flight is never all of one lane. */
const reservedPart = 8;

export function createPool(options: PoolOptions, { clock, random, proxies }: PoolDeps): Pool {
  const { address, tls, maxConcurrent, guarded } = options;
  const proxy = address.scheme === 'unix' ? undefined : (options.proxy ?? proxyFor(address, proxies));
  const turns = new Semaphore(maxConcurrent, Math.floor(maxConcurrent / reservedPart));
  const breaker = new Breaker({ clock, random });
  const files = address.scheme === 'https' ? createTlsMaterialReader(tls, clock) : undefined;
  // Through a proxy it is the proxy that resolves the name, and the admin who chose the proxy.
  const lookup = guarded && proxy === undefined ? guardedLookup() : undefined;
  const peer = { address: address.text, endpoint: proxy === undefined ? hostPort(address) : proxyName(proxy) };
  let agent: Agent | undefined;
  let material: TlsMaterial | undefined;

  async function currentAgent(): Promise<Agent> {
    const found = await files?.current();
    if (agent === undefined || found !== material) {
      retire(agent);
      material = found;
      agent = createAgent(options, found, proxy);
    }
    return agent;
  }

  async function send(message: Message, bounds: Bounds, signal: AbortSignal): Promise<Outcome> {
    const admission = await breaker.admit(signal);
    if ('answer' in admission) return { ...admission.answer, unsent: true };
    let outcome: Outcome | undefined;
    try {
      const line: Line = { address, peer, agent: await currentAgent(), lookup, clock };
      outcome = await exchange(line, message, bounds, signal);
      return outcome;
    } finally {
      admission.done(signal.aborted ? undefined : outcome);
    }
  }

  return {
    async exchange(message, bounds, signal) {
      try {
        return await turns.run(() => send(message, bounds, signal), signal, message.lane);
      } catch (thrown) {
        if (signal.aborted) return { failure: abortedError(signal, address.text), transient: false };
        if (thrown instanceof KeymountError) return { failure: thrown, transient: false };
        throw thrown;
      }
    },
    load: turns,
    breaker: () => breaker.state(),
    close: () => agent?.destroy(),
  };
}

function createAgent(
  { tls, maxConcurrent }: PoolOptions,
  material: TlsMaterial | undefined,
  proxy: string | undefined,
): Agent {
  const common = {
    keepAlive: true,
    maxSockets: maxConcurrent,
    maxFreeSockets: Math.min(maxConcurrent, maxIdle),
    timeout: idle,
    ...(proxy === undefined ? {} : { proxyEnv: { HTTP_PROXY: proxy, HTTPS_PROXY: proxy } }),
  };
  if (material === undefined) return new Agent(common);
  return new TlsAgent({
    ...common,
    secureContext: material.context,
    rejectUnauthorized: !tls.skipVerify,
    ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
  });
}

/** Requests in flight end on their old connections, idle ones are closed. */
function retire(agent: Agent | undefined): void {
  if (agent === undefined) return;
  agent.maxFreeSockets = 0;
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
}

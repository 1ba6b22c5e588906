import { KeymountError } from '../errors.ts';
import type { Clock } from '../util/clock.ts';
import { Semaphore } from '../util/semaphore.ts';
import { abortedError } from './aborted.ts';
import { type Address, hostPort } from './address.ts';
import { type Agents, type AgentsOptions, createAgents, type TlsSettings } from './agents.ts';
import { Breaker, type BreakerState } from './breaker.ts';
import type { Failure } from './connection-error.ts';
import { guardedLookup } from './forbidden-ip.ts';
import { type ProxySettings, proxyFor, proxyName } from './proxy.ts';
import { type Bounds, exchange, type Line, type Message, type Outcome } from './request.ts';
import { type Trust, usualTrust } from './trust.ts';

/** What kept connections have in common. Equal options share a pool. */
export interface PoolOptions {
  readonly address: Address;
  readonly tls: TlsSettings;
  /** Requests in flight; more wait for their turn. */
  readonly maxConcurrent: number;
  /** URL of a proxy for this connection, whatever the process's proxy settings say. */
  readonly proxy: string | undefined;
  /** Refuse addresses that a class must not reach when the name is resolved. */
  readonly guarded: boolean;
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
  /** Absent: the CAs of the system in the usual places. */
  readonly trust?: Trust | undefined;
}

/** An eighth of the requests in flight is never all of one lane. */
const reservedPart = 8;

/** How the connections of a pool are made. */
export function agentsOptions(options: PoolOptions, proxies: ProxySettings): AgentsOptions {
  const { address, tls, maxConcurrent, guarded } = options;
  const { scheme, host, port, socketPath } = address;
  const proxy = scheme === 'unix' ? undefined : (options.proxy ?? proxyFor(address, proxies));
  return { address: { scheme, host, port, socketPath }, tls, maxConcurrent, proxy, guarded };
}

/** `agents`: its connections, if it has them in common with others. */
export function createPool(
  options: PoolOptions,
  { clock, random, proxies, trust = usualTrust }: PoolDeps,
  agents: Agents = createAgents(agentsOptions(options, proxies), clock, trust),
): Pool {
  const { address, maxConcurrent, guarded } = options;
  const { proxy } = agentsOptions(options, proxies);
  const turns = new Semaphore(maxConcurrent, Math.floor(maxConcurrent / reservedPart));
  const breaker = new Breaker({ clock, random });
  const lookup = guarded ? guardedLookup() : undefined;
  const peer = { address: address.text, endpoint: proxy === undefined ? hostPort(address) : proxyName(proxy) };

  async function send(message: Message, bounds: Bounds, signal: AbortSignal): Promise<Outcome> {
    const admission = await breaker.admit(signal, message.lane);
    if ('answer' in admission) return { ...admission.answer, unsent: true };
    let outcome: Outcome | undefined;
    try {
      const line: Line = { address, peer, agent: await agents.current(), lookup, clock };
      outcome = await exchange(line, message, bounds, signal);
      if (!isUntrusted(outcome)) return outcome;
      agents.doubt();
      const agent = await agents.current();
      // Nobody has seen the request, and the CA was replaced meanwhile.
      if (outcome.unsent && agent !== line.agent) outcome = await exchange({ ...line, agent }, message, bounds, signal);
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
        if (signal.aborted) return { failure: abortedError(signal, address.text), transient: false, unsent: true };
        if (thrown instanceof KeymountError) return { failure: thrown, transient: false };
        throw thrown;
      }
    },
    load: turns,
    breaker: () => breaker.state(),
    close: agents.close,
  };
}

function isUntrusted(outcome: Outcome): outcome is Failure {
  return 'failure' in outcome && outcome.failure.code === 'backend-untrusted';
}

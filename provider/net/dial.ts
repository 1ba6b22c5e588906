import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { connect, isIP, type LookupFunction, type Socket } from 'node:net';
import { after, type Clock } from '../util/clock.ts';
import { dialError, type FailedAttempt } from './dial-error.ts';

/** Where to connect to. */
export interface Target {
  /** A name, or an IP address without brackets. */
  readonly host: string;
  readonly port: number;
  /** Asked for IP addresses as well, so that what it refuses is refused however it is written. Absent: the system's. */
  readonly lookup?: LookupFunction | undefined;
}

/** The making of a connection, as who waits for it sees it and may end it. */
export class Dialing {
  /** Addresses that were tried so far, in their order. */
  tried: readonly string[] = [];
  #making: AbortController | undefined;
  #cancelled = false;

  /** Gives the connection up, also before it is begun, and closes what is open. Without effect once it is made. */
  cancel(): void {
    this.#cancelled = true;
    this.#making?.abort(cancelled());
  }

  begin(): AbortSignal {
    this.#making = new AbortController();
    if (this.#cancelled) this.#making.abort(cancelled());
    return this.#making.signal;
  }

  end(): void {
    this.#making = undefined;
  }
}

function cancelled(): Error {
  return Object.assign(new Error('the connection is not wanted any more'), { code: 'ECONNABORTED' });
}

export interface DialOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly dialing: Dialing;
  /** Milliseconds after which a silent TCP connection is probed; absent: it is not. */
  readonly keepAliveDelay?: number | undefined;
}

/** Milliseconds that an attempt has for itself: https://www.rfc-editor.org/rfc/rfc8305#section-8. */
const attemptDelay = 250;

/** A name has no more addresses than this for us: the last of them begins after 3.75 s, within the usual 5 s for connecting. */
const mostAddresses = 16;

/**
 * A TCP connection to the first address that answers, as RFC 8305 has it: families take turns, the next attempt begins 250 ms after
 * the one before or as soon as that fails, and earlier ones go on. All but the first connection are closed. Throws what the lookup
 * throws, an error as of `dialError`, or the signal's reason. It has no time-out of its own.
 */
export async function dial(target: Target, options: DialOptions): Promise<Socket> {
  const addresses = await resolve(target, options.signal);
  return await race(inTurns(addresses).slice(0, mostAddresses), target.port, options);
}

/** `[v6, v6, v4, v4]` → `[v6, v4, v6, v4]`: what the resolver puts first stays first. */
export function inTurns(addresses: readonly LookupAddress[]): string[] {
  const first = addresses[0]?.family;
  const queues = [
    addresses.filter(({ family }) => family === first),
    addresses.filter(({ family }) => family !== first),
  ] as const;
  const longest = Math.max(queues[0].length, queues[1].length);
  const turns = Array.from({ length: longest }, (_, index) => [queues[0][index], queues[1][index]]).flat();
  return turns.flatMap((each) => (each === undefined ? [] : [each.address]));
}

function resolve({ host, lookup }: Target, signal: AbortSignal): Promise<LookupAddress[]> {
  const family = isIP(host);
  if (family !== 0 && lookup === undefined) return Promise.resolve([{ address: host, family }]);
  const look = lookup ?? (systemLookup as LookupFunction);
  return new Promise((found, fail) => {
    const onAbort = () => fail(signal.reason);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    look(host, { all: true }, (error, addresses) => {
      signal.removeEventListener('abort', onAbort);
      if (error !== null) fail(error);
      else found(Array.isArray(addresses) ? addresses : [{ address: addresses, family: isIP(addresses) }]);
    });
  });
}

function race(addresses: readonly string[], port: number, options: DialOptions): Promise<Socket> {
  const { clock, signal, dialing } = options;
  const open = new Set<Socket>();
  const failed: FailedAttempt[] = [];
  let next = 0;
  let cancelTimer = () => {};

  return new Promise((resolve, reject) => {
    const end = (winner?: Socket) => {
      cancelTimer();
      next = addresses.length;
      signal.removeEventListener('abort', onAbort);
      for (const socket of open) if (socket !== winner) socket.destroy();
    };
    const onAbort = () => {
      end();
      reject(signal.reason);
    };
    const begin = () => {
      cancelTimer();
      const address = addresses[next];
      if (address === undefined) return;
      next++;
      dialing.tried = addresses.slice(0, next);
      const socket = openSocket(address, port, options);
      open.add(socket);
      socket.once('connect', () => {
        end(socket);
        resolve(socket);
      });
      // It stays: an error between two owners must not end the process.
      socket.on('error', (error: NodeJS.ErrnoException) => {
        if (!open.delete(socket) || signal.aborted) return;
        failed.push({ address, code: error.code ?? '' });
        if (next < addresses.length) begin();
        else if (open.size === 0) {
          end();
          reject(dialError(failed));
        }
      });
      if (next < addresses.length) cancelTimer = after(clock, attemptDelay, begin);
    };
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    if (addresses.length === 0) return reject(dialError([]));
    begin();
  });
}

function openSocket(host: string, port: number, { keepAliveDelay }: DialOptions): Socket {
  return connect({
    host,
    port,
    noDelay: true,
    // One address, tried for as long as the caller waits: Node's own way gives each 250 ms in all.
    autoSelectFamily: false,
    ...(keepAliveDelay === undefined ? {} : { keepAlive: true, keepAliveInitialDelay: keepAliveDelay }),
  });
}

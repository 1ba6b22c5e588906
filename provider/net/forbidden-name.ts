import { isIP, type LookupFunction } from 'node:net';
import { KeymountError } from '../errors.ts';
import { after, type Clock } from '../util/clock.ts';

/** Milliseconds that a name has to be resolved here. Behind a proxy it often cannot be, and then DNS is slow to say so. */
const patience = 1_000;

/**
 * Throws `address-not-allowed` where the guarded `lookup` refuses the host; for connections through a proxy, which resolves the name
 * itself. A name that is not resolved here, or not in time, is left to the proxy.
 */
export function refuseForbidden(
  host: string,
  lookup: LookupFunction,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = isIP(host) === 0 ? after(clock, patience, resolve) : () => {};
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    lookup(host, { all: true }, (error) => {
      cancel();
      if (error instanceof KeymountError) reject(error);
      else resolve();
    });
  });
}

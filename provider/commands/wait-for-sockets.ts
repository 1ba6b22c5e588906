import { KeymountError } from '../errors.ts';
import { occupantOf, takenError } from '../rpc/sockets.ts';
import type { Clock } from '../util/clock.ts';
import { formatDuration } from '../util/duration.ts';
import { faultOf, type Link } from './links.ts';

export interface WaitOptions {
  readonly clock: Clock;
  /** Milliseconds after which it is given up. */
  readonly wait: number;
  /** Told what is waited for: at once, and then every ten seconds. */
  readonly print: (text: string) => void;
  readonly stop: AbortSignal;
}

/** Milliseconds between looks, and between lines. */
const interval = 1_000;
const lineEvery = 10_000;

/**
 * Returns when nobody else answers in any of these places. What a provider leaves that was killed is no hindrance; another keymount
 * is not either. Throws `socket-taken` after `wait`, and `shutting-down` where it is told to stop.
 */
export async function waitForSockets(links: readonly Link[], { clock, wait, print, stop }: WaitOptions): Promise<void> {
  const began = clock.now();
  let told = Number.NEGATIVE_INFINITY;
  for (;;) {
    const taken = await firstTaken(links, clock);
    if (taken === undefined) return;
    const waited = clock.now() - began;
    if (waited >= wait) throw takenError(taken.path, taken.runtime);
    if (waited - told >= lineEvery) {
      told = waited;
      const left = formatDuration(Math.ceil((wait - waited) / 1000) * 1000);
      print(`waiting for ${taken.runtime} to leave ${taken.path}, for another ${left} at most\n`);
    }
    await clock.sleep(interval, stop).catch(() => {});
    if (stop.aborted) throw new KeymountError('shutting-down', `${taken.path} is still taken by ${taken.runtime}`);
  }
}

async function firstTaken(links: readonly Link[], clock: Clock) {
  for (const link of links) {
    if (faultOf(link) === undefined) continue;
    const runtime = await occupantOf(link.path, clock);
    if (runtime !== undefined) return { path: link.path, runtime };
  }
  return undefined;
}

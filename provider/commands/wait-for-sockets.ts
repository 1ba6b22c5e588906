import { KeymountError } from '../errors.ts';
import { occupantOf, takenError } from '../rpc/sockets.ts';
import type { Clock } from '../util/clock.ts';
import { formatDuration } from '../util/duration.ts';
import { faultOf, type Link } from './links.ts';
import type { PrepareUse } from './prepare-use.ts';

/** Milliseconds between looks, and between lines. */
const interval = 1_000;
const lineEvery = 10_000;

/**
 * Returns when nobody else answers in any of these places. What a provider leaves that was killed is no hindrance; another keymount
 * is not either. What it waits for is said at once, and then every ten seconds. Throws `socket-taken` after `wait` milliseconds, and
 * `shutting-down` where it is told to stop.
 */
export async function waitForSockets(
  links: readonly Link[],
  wait: number,
  { clock, say, stop }: PrepareUse,
): Promise<void> {
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
      say(`waiting for ${taken.runtime} to leave ${taken.path}, for another ${left} at most`);
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

import type { Source } from '../plan/plan.ts';
import type { Clock } from '../util/clock.ts';
import { isFresh } from './freshness.ts';
import type { Keeper } from './keeper.ts';
import type { ReadOutcome } from './reads.ts';
import type { Secrets } from './secrets.ts';
import type { Held } from './sessions.ts';

export interface Memory {
  readonly secrets: Secrets;
  readonly keeper: Keeper;
  readonly clock: Clock;
}

/**
 * All sources of a session from memory, or undefined where one has to be read. Most Mounts are republishes, and cost no more than
 * looking. `interval` is the default in milliseconds.
 */
export function remembered(
  { secrets, keeper, clock }: Memory,
  held: Held,
  volume: string,
  sources: readonly Source[],
  interval: number,
): ReadOutcome[] | undefined {
  if (keeper.isEnding(held, volume)) return undefined;
  const now = clock.now();
  const outcomes: ReadOutcome[] = [];
  for (const source of sources) {
    const kept = keeper.recall(held, source, volume);
    if (kept?.replace) return undefined;
    const cached = kept?.cached ?? secrets.get(held, source.key);
    if (cached === undefined || (kept === undefined && !isFresh(cached, source, interval, now))) return undefined;
    outcomes.push({ secret: cached.secret, number: cached.number, address: source.address, from: 'cache' });
  }
  return outcomes;
}

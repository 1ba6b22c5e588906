import { toKeymountError } from '../errors.ts';
import type { Source } from '../plan/plan.ts';
import { isFresh } from './freshness.ts';
import type { Memory } from './remembered.ts';
import type { Held, Sessions, Wish } from './sessions.ts';

interface Got {
  readonly held: Held;
  /** Another login would not give more. */
  readonly fresh: boolean;
}

/**
 * Milliseconds until a new login may show that the role was mended. Where something was issued for the pod it is issued anew then, so
 * that is asked for less often.
 */
const tooFewFor = { nothingKept: 60_000, kept: 600_000 };

/** Since when sessions are known to have too few uses, in milliseconds of the clock. */
const tooFewSince = new WeakMap<Held, number>();

/**
 * A session that is good for all that a Mount has to read, where the given one is not: a new one, to which everything moves at
 * once. Where even a new one would not do, the given one counts for new, so that its reads fail and no Mount logs in for nothing.
 */
export async function withUses(
  { sessions, ...memory }: Memory & { readonly sessions: Sessions },
  got: Got,
  wish: Wish,
  sources: readonly Source[],
  interval: number,
  signal: AbortSignal,
): Promise<Got> {
  const { uses } = got.held.session;
  const { volume } = wish.caller;
  // A session at its end is replaced anyhow.
  if (uses?.limit === undefined || memory.keeper.isEnding(got.held, volume)) return got;
  const missing = sources.filter((source) => mustBeRead(memory, got.held, source, volume, interval));
  if (missing.length <= uses.spare) return got;
  const hasLease = sources.some((source) => memory.keeper.recall(got.held, source, volume)?.cached.secret.lease);
  if (uses.limit < sources.length + (hasLease ? 1 : 0)) {
    const now = memory.clock.now();
    const since = tooFewSince.get(got.held) ?? now;
    tooFewSince.set(got.held, since);
    const isKept = got.held.ends === Number.POSITIVE_INFINITY;
    if (now - since < (isKept ? tooFewFor.kept : tooFewFor.nothingKept)) return { ...got, fresh: true };
  }
  if (got.fresh) return got;
  try {
    return { held: await sessions.replace(got.held, wish, signal), fresh: true };
  } catch (thrown) {
    // What is there still serves.
    if (toKeymountError(thrown).retryable) return got;
    throw thrown;
  }
}

function mustBeRead(
  { keeper, secrets, clock }: Memory,
  held: Held,
  source: Source,
  volume: string,
  interval: number,
): boolean {
  const kept = keeper.recall(held, source, volume);
  if (kept !== undefined) return kept.replace;
  const cached = secrets.get(held, source.key);
  return cached === undefined || !isFresh(cached, source, interval, clock.now());
}

import type { Secret } from '../backends/backend.ts';
import type { Source } from '../plan/plan.ts';
import type { CachedSecret } from './secrets.ts';
import type { Held, Wish } from './sessions.ts';

/** Who keeps credentials that were issued for one pod alive as long as the pod lives (leases/). */
export interface Keeper {
  /** The credential that the pod has from this read; `replace`: it will not last until the pod sees a later one. */
  readonly recall: (
    held: Held,
    source: Source,
    volume: string,
  ) => { cached: CachedSecret; replace: boolean } | undefined;
  /**
   * May something be issued for this read? Throws `too-many-credentials` where it could not be kept, and `shutting-down` where
   * another process keeps what there is.
   */
  readonly admit: (held: Held, wish: Wish) => void;
  /**
   * Something may be issued through the session now. Returns when whoever comes after a crash knows the session, and can end with
   * it what was issued and never heard of. Each call is followed by one of `settle`.
   */
  readonly expect: (held: Held, wish: Wish) => Promise<void>;
  /** What was expected has come, or not: a session through which nothing was issued is forgotten. */
  readonly settle: (held: Held) => Promise<void>;
  /** Takes a secret into keeping. False: it is none that needs it. Returns when it is safe against a crash. Throws as `admit` does. */
  readonly keep: (held: Held, wish: Wish, cached: CachedSecret) => Promise<boolean>;
  /** Something may have been issued through the session that nobody got: the session is to be ended with its pod. Never rejects. */
  readonly suspect: (held: Held, wish: Wish) => Promise<void>;
  /** Is the session itself coming to its end, so that everything has to be issued anew through another one? */
  readonly isEnding: (held: Held, volume: string) => boolean;
  /** Another session takes the place of one that is ending: what does not end with that goes over to it. Never rejects. */
  readonly succeed: (ending: Held, fresh: Held, wish: Wish) => Promise<void>;
  /** Does the backend still know the session? False also where nothing is kept through it, for then it is not asked. */
  readonly isAlive: (held: Held, signal: AbortSignal) => Promise<boolean>;
}

/** A secret that somebody has to keep: it has a lease or an end. */
export function needsKeeping({ lease, notAfter }: Secret): boolean {
  return lease !== undefined || notAfter !== undefined;
}

import type { LineState } from '../backends/backend.ts';
import type { Origin } from '../sessions/reads.ts';

/** What `keymount status` shows: counts, ages and addresses; no values, and no names of secrets. */
export interface Status {
  readonly version: string;
  /** Milliseconds. */
  readonly uptime: number;
  readonly mounts: { readonly answered: number; readonly failed: number; readonly inFlight: number };
  readonly sessions: { readonly account: number; readonly pod: number };
  readonly secrets: { readonly count: number; readonly bytes: number; readonly ages: Readonly<Record<string, number>> };
  /** By where they were answered from. */
  readonly reads: Readonly<Record<Origin, number>>;
  readonly leases: LeaseStatus;
  readonly servers: readonly LineState[];
  /** What is wrong with the links through which the driver finds the sockets, a sentence each. */
  readonly links: readonly string[];
}

/** Credentials in keeping. */
export interface LeaseStatus {
  readonly pods: number;
  readonly count: number;
  /** Milliseconds until the next renewal; absent: none. */
  readonly nextRenewal?: number;
  /** Milliseconds until the first one ends unless it is renewed or replaced; absent: none does. */
  readonly firstEnd?: number;
  /** How the ends of pods are noticed, or why not. */
  readonly podWatch: string;
}

/** Ages in milliseconds as counts below some bounds that people think in. */
export function countAges(ages: Iterable<number>): Record<string, number> {
  const counts: Record<string, number> = { '<1m': 0, '<10m': 0, '<1h': 0, older: 0 };
  for (const age of ages) {
    const bound = age < 60_000 ? '<1m' : age < 600_000 ? '<10m' : age < 3_600_000 ? '<1h' : 'older';
    counts[bound] = (counts[bound] ?? 0) + 1;
  }
  return counts;
}

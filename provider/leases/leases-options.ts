import type { Sessions } from '../sessions/sessions.ts';
import type { Clock } from '../util/clock.ts';
import type { Intervals } from './intervals.ts';
import type { LeaseEvent } from './lease-event.ts';
import type { LeaseLimits } from './limits.ts';
import type { LeaseStore } from './record.ts';

export interface LeasesOptions {
  /** Steady: it goes on evenly, whatever is done to the machine's clock. */
  readonly clock: Clock;
  /** The machine's clock, by which Mounts and certificates go. */
  readonly wall: () => number;
  readonly random: () => number;
  readonly renewalPercent: number;
  readonly sessions: Sessions;
  readonly intervals: Intervals;
  readonly newId: () => string;
  /** Durable state; what is saved is sealed. */
  readonly state: LeaseStore;
  readonly report: (event: LeaseEvent) => void;
  /** Default: `leaseLimits`. */
  readonly limits?: LeaseLimits;
  /** Told of a record that could not be removed. */
  readonly onNotRemoved?: (thrown: unknown) => void;
  /** A pod has something in keeping: its end must be noticed. */
  readonly onTenant: (podUid: string) => void;
}

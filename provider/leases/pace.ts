import { latestRenewal } from './life.ts';

/** Milliseconds between two renewals of one thing: what lives for a second must not cost a request a second. */
const apart = 15_000;
/** What lives too short for that is renewed so often in a minute, and then dies. */
const most = 4;
const minute = 60_000;

/** How often something is renewed. All times in milliseconds of the clock. */
export class Pace {
  /** Of the last renewals, the oldest first. */
  readonly #times: number[] = [];

  count(now: number): void {
    this.#times.push(now);
    if (this.#times.length > most) this.#times.shift();
  }

  /** When it may be renewed that should be at `wanted` and ends at `end`. */
  next(wanted: number, now: number, end: number): number {
    const [oldest = Number.NEGATIVE_INFINITY] = this.#times;
    const last = this.#times.at(-1) ?? Number.NEGATIVE_INFINITY;
    const spaced = Math.max(wanted, last + apart);
    if (spaced <= now + (end - now) * latestRenewal) return spaced;
    return this.#times.length < most ? wanted : Math.max(wanted, oldest + minute);
  }
}

import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../../../provider/util/clock.ts';

/** A clock that a test lets go on: who sleeps wakes at its own time, one after the other. */
export class SteppedClock implements Clock {
  time = 1_000_000;
  readonly #sleepers = new Set<{ until: number; wake: () => void }>();

  now = () => this.time;

  sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const sleeper = { until: this.time + ms, wake: resolve };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', () => {
        if (this.#sleepers.delete(sleeper)) reject(signal.reason);
      });
    });

  /** Lets so many milliseconds go by. */
  async pass(ms: number): Promise<void> {
    const end = this.time + ms;
    for (;;) {
      await settle();
      const next = [...this.#sleepers].sort((a, b) => a.until - b.until)[0];
      if (next === undefined || next.until > end) break;
      this.#sleepers.delete(next);
      this.time = Math.max(this.time, next.until);
      next.wake();
    }
    this.time = end;
    await settle();
  }

  /** How many sleep now. */
  get sleepers(): number {
    return this.#sleepers.size;
  }
}

/** Until all that is due now has run. */
export async function settle(): Promise<void> {
  for (let count = 0; count < 3; count++) await turn();
}

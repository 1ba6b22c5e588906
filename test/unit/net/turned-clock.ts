import type { Clock } from '../../../provider/util/clock.ts';

/** A clock that a test turns; who sleeps wakes when its time has come. */
export class TurnedClock implements Clock {
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

  async turn(ms: number): Promise<void> {
    this.time += ms;
    for (const sleeper of [...this.#sleepers].filter(({ until }) => until <= this.time)) {
      this.#sleepers.delete(sleeper);
      sleeper.wake();
    }
    await this.settle();
  }

  /** Until all that is due now has run. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
  }
}

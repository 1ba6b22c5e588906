import type { Tenure } from '../backends/backend.ts';
import { inBackground } from '../util/background.ts';
import { after, type Clock } from '../util/clock.ts';
import { Semaphore } from '../util/semaphore.ts';
import type { Held } from './sessions.ts';

/** Of more than so many the oldest are left to their own end. A node starts a pod a second at most, and not for long. */
const mostWaiting = 500;
const atOnce = 4;
/** Milliseconds for one. */
const timeout = 20_000;

/**
 * Ends sessions that were replaced or dropped while their token would live on: with one login an hour, a role whose tokens live for a
 * month would have hundreds of them for each ServiceAccount and node. What a keeper looks after is none of this; what fails is left
 * to its own end.
 */
export class Endings {
  readonly #clock: Clock;
  readonly #grace: number;
  readonly #isInUse: (tenure: Tenure) => boolean;
  readonly #waiting: { readonly held: Held; readonly at: number }[] = [];
  readonly #turns = new Semaphore(atOnce);
  readonly #closed = new AbortController();
  #cancel: (() => void) | undefined;

  /**
   * `grace`: milliseconds for which a Mount may still read through a session that it got before, longer than any Mount. `isInUse`: has
   * another session that token?
   */
  constructor(clock: Clock, grace: number, isInUse: (tenure: Tenure) => boolean) {
    this.#clock = clock;
    this.#grace = grace;
    this.#isInUse = isInUse;
  }

  add(held: Held): void {
    if (this.#closed.signal.aborted || !this.#isToEnd(held)) return;
    this.#waiting.push({ held, at: this.#clock.now() + this.#grace });
    if (this.#waiting.length > mostWaiting) this.#waiting.shift();
    this.#plan();
  }

  /** The process stops: pods go on with what they have, and nothing is ended for them. */
  close(): void {
    this.#closed.abort(null);
    this.#waiting.length = 0;
    this.#cancel?.();
  }

  #plan(): void {
    const [first] = this.#waiting;
    if (first === undefined || this.#cancel !== undefined) return;
    this.#cancel = after(this.#clock, Math.max(0, first.at - this.#clock.now()), () => {
      this.#cancel = undefined;
      while ((this.#waiting[0]?.at ?? Number.POSITIVE_INFINITY) <= this.#clock.now()) this.#endFirst();
      this.#plan();
    });
  }

  #endFirst(): void {
    const held = this.#waiting.shift()?.held;
    const tenure = held?.session.tenure;
    if (held === undefined || tenure === undefined || !this.#isToEnd(held) || this.#isInUse(tenure)) return;
    // It ends by itself; the metrics count the request.
    inBackground(this.#end(tenure), () => {});
  }

  /** Not what is kept meanwhile, or at its end anyhow. A batch token cannot be ended, and counted uses are not for this. */
  #isToEnd({ ends, session: { expires, tenure } }: Held): boolean {
    const isKept = ends === Number.POSITIVE_INFINITY;
    const left = (expires ?? Number.POSITIVE_INFINITY) - this.#clock.now();
    return tenure?.renewable === true && tenure.isLimited !== true && !isKept && left > timeout;
  }

  async #end(tenure: Tenure): Promise<void> {
    const { signal } = this.#closed;
    await this.#turns.run(
      async () => await tenure.revoke(AbortSignal.any([AbortSignal.timeout(timeout), signal])),
      signal,
    );
  }
}

import { after, type Clock } from './clock.ts';

const ends = new WeakMap<AbortSignal, number>();

/** When the signal of a Deadline will abort, in milliseconds of the clock: no wait should begin that cannot end before. */
export function deadlineOf(signal: AbortSignal): number {
  return ends.get(signal) ?? Number.POSITIVE_INFINITY;
}

/** Deadline and cancellation of a call as one signal. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** Aborts early, with the reason that waiters get. */
  readonly abort: (reason: unknown) => void;
  /** Stops the timer. To be called when the work is done. */
  readonly end: () => void;
}

/** `at` in milliseconds of the clock; `reason` is made when the time comes. */
export function startDeadline(clock: Clock, at: number, reason: () => unknown): Deadline {
  const over = new AbortController();
  ends.set(over.signal, at);
  const left = at - clock.now();
  let end = () => {};
  if (left <= 0) over.abort(reason());
  else end = after(clock, left, () => over.abort(reason()));
  return { signal: over.signal, abort: (why) => over.abort(why), end };
}

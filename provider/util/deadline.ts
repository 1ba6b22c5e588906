import type { Clock } from './clock.ts';

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
  const done = new AbortController();
  const over = new AbortController();
  const left = at - clock.now();
  if (left <= 0) over.abort(reason());
  else
    clock.sleep(left, done.signal).then(
      () => over.abort(reason()),
      () => {},
    );
  return { signal: over.signal, abort: (why) => over.abort(why), end: () => done.abort() };
}

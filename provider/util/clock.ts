/** Time, so that tests can turn it by hand. Milliseconds everywhere. */
export interface Clock {
  /** Wall clock, milliseconds since 1970. */
  readonly now: () => number;
  /** Resolves after `ms`; rejects with the signal's reason when it aborts first. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** `after` by a bare timer, where the clock has one: a sleep that is cut off costs as much as a Mount from memory. */
  readonly timer?: (ms: number, call: () => void) => () => void;
}

/** Calls back after `ms`, unless what it returns is called first. */
export function after(clock: Clock, ms: number, call: () => void): () => void {
  if (clock.timer !== undefined && ms <= longestTimer) return clock.timer(ms, call);
  const cancelled = new AbortController();
  clock.sleep(ms, cancelled.signal).then(call, () => {});
  return () => cancelled.abort(null);
}

/** Calls back every `ms` until what it returns is called. */
export function every(clock: Clock, ms: number, call: () => void): () => void {
  let cancel = after(clock, ms, again);
  function again(): void {
    cancel = after(clock, ms, again);
    call();
  }
  return () => cancel();
}

// setTimeout beyond 2^31-1 ms fires after 1 ms, so longer waits are walked in steps.
const longestTimer = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  async sleep(ms, signal) {
    let left = ms;
    do {
      const step = Math.min(left, longestTimer);
      await wait(step, signal);
      left -= step;
    } while (left > 0);
  },
  timer(ms, call) {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
};

function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

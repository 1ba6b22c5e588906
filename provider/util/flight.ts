/**
 * Single flight: callers who want the same thing at the same time share one run. A caller who gives up leaves the others alone;
 * only when the last one has left is the run itself aborted.
 */
export class Flights<T> {
  readonly #running = new Map<string, Flight<T>>();

  get size(): number {
    return this.#running.size;
  }

  /** Joins the run of `key`, or starts it. Rejects with the signal's reason when `signal` aborts first. */
  run(key: string, signal: AbortSignal, start: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (signal.aborted) return Promise.reject(signal.reason);
    let flight = this.#running.get(key);
    if (flight === undefined) {
      const started = new Flight(start);
      flight = started;
      this.#running.set(key, flight);
      const forget = () => {
        if (this.#running.get(key) === started) this.#running.delete(key);
      };
      flight.result.then(forget, forget);
    }
    const joined = flight;
    return joined.join(signal, () => {
      // Nobody waits any more: who comes next starts anew instead of joining an aborted run.
      if (this.#running.get(key) === joined) this.#running.delete(key);
    });
  }
}

class Flight<T> {
  readonly result: Promise<T>;
  readonly #abort = new AbortController();
  #waiting = 0;

  constructor(start: (signal: AbortSignal) => Promise<T>) {
    this.result = start(this.#abort.signal);
  }

  join(signal: AbortSignal, onEmpty: () => void): Promise<T> {
    this.#waiting++;
    return new Promise((resolve, reject) => {
      let here = true;
      const leave = () => {
        if (!here) return;
        here = false;
        signal.removeEventListener('abort', onAbort);
        this.#waiting--;
      };
      const onAbort = () => {
        leave();
        reject(signal.reason);
        if (this.#waiting > 0) return;
        onEmpty();
        this.#abort.abort(signal.reason);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.result.finally(leave).then(resolve, reject);
    });
  }
}

/** At most `limit` pieces of work at once; the rest wait in the order they came. */
export class Semaphore {
  readonly #limit: number;
  readonly #queue = new Set<() => void>();
  #held = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Work under way now. */
  get held(): number {
    return this.#held;
  }

  /** Work that waits for its turn. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** Runs the work when it is its turn. Rejects with the signal's reason if that aborts while it waits. */
  async run<Result>(work: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    if (this.#held >= this.#limit) await this.#turn(signal);
    else this.#held++;
    try {
      return await work();
    } finally {
      this.#next();
    }
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const enter = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = () => {
        this.#queue.delete(enter);
        reject(signal.reason);
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#queue.add(enter);
    });
  }

  /** Hands the place on, so that nobody can slip in between. */
  #next(): void {
    const [enter] = this.#queue;
    if (enter === undefined) {
      this.#held--;
      return;
    }
    this.#queue.delete(enter);
    enter();
  }
}

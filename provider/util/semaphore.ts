interface Waiter {
  readonly lane: string | undefined;
  readonly enter: () => void;
}

/**
 * At most `limit` pieces of work at once; the rest wait in the order they came. Work may be of a lane: then `reserve` of the places
 * are never all taken by one lane, so that what hangs in one holds nobody up in the others.
 */
export class Semaphore {
  readonly #limit: number;
  readonly #laneLimit: number;
  readonly #queue = new Set<Waiter>();
  readonly #lanes = new Map<string, number>();
  #held = 0;

  constructor(limit: number, reserve = 0) {
    this.#limit = limit;
    this.#laneLimit = Math.max(1, limit - reserve);
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
  async run<Result>(work: () => Promise<Result>, signal: AbortSignal, lane?: string): Promise<Result> {
    if (this.#held >= this.#limit || this.#isFull(lane)) await this.#turn(lane, signal);
    else this.#take(lane);
    try {
      return await work();
    } finally {
      this.#leave(lane);
    }
  }

  #isFull(lane: string | undefined): boolean {
    return lane !== undefined && (this.#lanes.get(lane) ?? 0) >= this.#laneLimit;
  }

  #take(lane: string | undefined): void {
    this.#held++;
    if (lane !== undefined) this.#lanes.set(lane, (this.#lanes.get(lane) ?? 0) + 1);
  }

  #turn(lane: string | undefined, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const enter = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const waiter = { lane, enter };
      const leave = () => {
        this.#queue.delete(waiter);
        reject(signal.reason);
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#queue.add(waiter);
    });
  }

  /** Hands the place on at once, so that nobody can slip in between. */
  #leave(lane: string | undefined): void {
    this.#held--;
    if (lane !== undefined) {
      const left = (this.#lanes.get(lane) ?? 1) - 1;
      if (left > 0) this.#lanes.set(lane, left);
      else this.#lanes.delete(lane);
    }
    for (const waiter of this.#queue) {
      if (this.#isFull(waiter.lane)) continue;
      this.#queue.delete(waiter);
      this.#take(waiter.lane);
      waiter.enter();
      return;
    }
  }
}

import type { Secret, Session } from '../backends/backend.ts';

/**
 * Reads that are started together, as one call of a session, though each has its own waiters. Each member gives up on its own; the
 * call is aborted when all have.
 */
export class Batch<Key, Result> {
  readonly #members: { key: Key; signal: AbortSignal; resolve: (result: Promise<Result>) => void }[] = [];
  readonly #start: (keys: readonly Key[], signal: AbortSignal) => readonly Promise<Result>[];

  constructor(start: (keys: readonly Key[], signal: AbortSignal) => readonly Promise<Result>[]) {
    this.#start = start;
  }

  add(key: Key, signal: AbortSignal): Promise<Result> {
    return new Promise((resolve) => this.#members.push({ key, signal, resolve }));
  }

  /** Starts all that were added. */
  start(): void {
    if (this.#members.length === 0) return;
    const abort = new AbortController();
    let left = this.#members.length;
    for (const { signal } of this.#members) {
      signal.addEventListener('abort', () => --left === 0 && abort.abort(signal.reason), { once: true });
    }
    const keys = this.#members.map(({ key }) => key);
    let results: readonly Promise<Result>[];
    try {
      results = this.#start(keys, abort.signal);
    } catch (thrown) {
      // Nobody must be left waiting.
      results = keys.map(() => Promise.reject(thrown));
    }
    this.#members.forEach(({ resolve }, index) => {
      const result = results[index];
      resolve(result ?? Promise.reject(new Error('a backend left a read without an answer')));
    });
  }
}

/** The batches of one Mount, one for each session. */
export class Batches {
  readonly #batches = new Map<Session, Batch<unknown, Secret>>();

  of(session: Session): Batch<unknown, Secret> {
    let batch = this.#batches.get(session);
    if (batch === undefined) {
      batch = new Batch((refs, together) => session.read(refs, together));
      this.#batches.set(session, batch);
    }
    return batch;
  }

  start(): void {
    for (const batch of this.#batches.values()) batch.start();
  }
}

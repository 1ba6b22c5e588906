import { setImmediate } from 'node:timers/promises';
import { inBackground } from '../../util/background.ts';

/**
 * Reads that are asked for in one turn of the event loop, by one Mount or several, as one piece of work. Each gives up on its own;
 * the work is aborted when all have.
 */
export class Gather<Item, Result> {
  readonly #work: (items: readonly Item[], signal: AbortSignal) => readonly Promise<Result>[];
  #waiting: Waiting<Item, Result>[] = [];

  constructor(work: (items: readonly Item[], signal: AbortSignal) => readonly Promise<Result>[]) {
    this.#work = work;
  }

  add(item: Item, signal: AbortSignal): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.push({ item, signal, resolve, reject }) === 1) inBackground(this.#start(), reject);
    });
  }

  async #start(): Promise<void> {
    await setImmediate();
    const all = this.#waiting;
    this.#waiting = [];
    const abort = new AbortController();
    let left = all.length;
    const leave = (reason: unknown) => {
      if (--left === 0) abort.abort(reason);
    };
    for (const { signal } of all) {
      if (signal.aborted) leave(signal.reason);
      else signal.addEventListener('abort', () => leave(signal.reason), { once: true });
    }
    try {
      const results = this.#work(
        all.map(({ item }) => item),
        abort.signal,
      );
      for (const [index, { resolve, reject }] of all.entries()) {
        const result = results[index];
        if (result === undefined) reject(new Error('a read was left without an answer'));
        else resolve(result);
      }
    } catch (thrown) {
      for (const { reject } of all) reject(thrown);
    }
  }
}

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly signal: AbortSignal;
  readonly resolve: (result: Promise<Result>) => void;
  readonly reject: (error: unknown) => void;
}

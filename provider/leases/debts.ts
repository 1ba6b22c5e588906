import type { Secret } from '../backends/backend.ts';
import type { JsonObject } from '../util/json.ts';

/** Something that does not end with its token. */
export interface Debt {
  /** As its backend wants it for `Tenure.takeBack`. */
  readonly what: JsonObject;
  /** When it ends by itself, in milliseconds since 1970 by the machine's clock. */
  readonly end: number;
}

/** More are not remembered: the oldest go. A certificate of an hour, replaced every 40 minutes, makes two. */
const most = 100;

/** What is to be taken back when a pod ends, the oldest first. */
export class Debts {
  #debts: Debt[];

  constructor(debts: Iterable<Debt> = []) {
    this.#debts = [...debts];
  }

  get size(): number {
    return this.#debts.length;
  }

  [Symbol.iterator](): Iterator<Debt> {
    return [...this.#debts][Symbol.iterator]();
  }

  add({ takeBack, notAfter }: Secret): void {
    if (takeBack !== undefined && notAfter !== undefined) this.#keep([{ what: takeBack, end: notAfter }]);
  }

  /** Those of an earlier token, which may end before them. */
  takeOver(earlier: Debts): void {
    this.#keep(earlier.#debts);
    earlier.#debts = [];
  }

  settle(debt: Debt): void {
    this.#debts = this.#debts.filter((each) => each !== debt);
  }

  /** Forgets those that ended. */
  tidy(wall: number): void {
    this.#debts = this.#debts.filter(({ end }) => end > wall);
  }

  #keep(more: readonly Debt[]): void {
    this.#debts = [...this.#debts, ...more].sort((a, b) => a.end - b.end).slice(-most);
  }
}

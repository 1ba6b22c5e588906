import { inBackground } from '../util/background.ts';
import type { Keeper } from './keeper.ts';
import type { Held, Wish } from './sessions.ts';

/** Tells the keeper of the sessions through which one Mount may get something issued, each once and before it is asked for. */
export class Expecting {
  readonly #keeper: Keeper;
  readonly #told = new Map<Held, Promise<void>>();

  constructor(keeper: Keeper) {
    this.#keeper = keeper;
  }

  /** What was read through this session before, and is in the cache, was not issued. */
  async before(held: Held, wish: Wish): Promise<void> {
    if (held.scope !== 'pod' || held.secrets.has(wish.source.key)) return;
    this.#keeper.admit(held, wish);
    let told = this.#told.get(held);
    if (told === undefined) {
      told = this.#keeper.expect(held, wish);
      this.#told.set(held, told);
    }
    await told;
  }

  /** All answers are there. */
  settle(): void {
    // The Mount has its answer; the keeper tells what it could not forget.
    for (const held of this.#told.keys()) inBackground(this.#keeper.settle(held), () => {});
  }
}

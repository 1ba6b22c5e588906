import { LRUCache } from 'lru-cache';
import type { Clock } from '../../util/clock.ts';
import { Flights } from '../../util/flight.ts';
import type { Authority } from './authority.ts';

/**
 * Milliseconds for which a token is given to further sessions: the pods and classes that start together log in once. Not longer,
 * for a session has its token from then until its own end, and a later one shall see changed roles.
 */
const shared = 300_000;

/** Tokens by who asks as whom for what; what a key holds is proof, or the very credential. */
export class Tokens {
  readonly #clock: Clock;
  readonly #known = new LRUCache<string, { authority: Authority; since: number }>({ max: 5_000 });
  readonly #flights = new Flights<Authority>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(key: string, signal: AbortSignal, request: (signal: AbortSignal) => Promise<Authority>): Promise<Authority> {
    const known = this.#known.get(key);
    const now = this.#clock.now();
    if (known !== undefined && now - known.since < shared && known.authority.expires > now) {
      return Promise.resolve(known.authority);
    }
    return this.#flights.run(key, signal, async (together) => {
      const authority = await request(together);
      this.#known.set(key, { authority, since: this.#clock.now() });
      return authority;
    });
  }

  forget(key: string): void {
    this.#known.delete(key);
  }
}

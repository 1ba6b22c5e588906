import { LRUCache } from 'lru-cache';
import type { Life } from './life.ts';

/**
 * How long leases last at most, by the keys of their sources. No reply tells a role's `max_ttl`, only a renewal that gives less than
 * was asked for: of the next lease of the same source its end is then known from the beginning.
 */
export class Maxima {
  readonly #known = new LRUCache<string, { readonly total: number; readonly until: number }>({ max: 2_000 });
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** A lease was renewed. One that is not renewable any more has reached its maximum. */
  renewed(key: string, { issuedAt, end, renewable }: Life): void {
    const total = end - issuedAt;
    const known = this.#known.get(key);
    if (!renewable) this.#known.set(key, { total, until: this.#now() + knownFor });
    else if (known !== undefined && total > known.total) this.#known.delete(key);
  }

  /** The credential as it will be once its maximum is near; as it is where that is not known. */
  foresee<Leased extends { readonly life: Life }>(key: string, leased: Leased): Leased {
    const { life } = leased;
    const known = this.#known.get(key);
    if (known === undefined || known.until <= this.#now() || !life.renewable) return leased;
    return { ...leased, life: { ...life, end: life.issuedAt + known.total, renewable: false } };
  }
}

/** Milliseconds: a maximum may be raised, and who replaces leases before it does not notice. */
const knownFor = 86_400_000;

import { LRUCache } from 'lru-cache';
import type { Secret } from '../backends/backend.ts';
import type { Held } from './sessions.ts';

/** A secret that was read through one session, and when. It is good for that session's callers alone. */
export interface CachedSecret {
  readonly secret: Secret;
  /** Unique in this process: answers are remembered by it, never by a backend's version, which two tenants may share. */
  readonly number: number;
  /** Milliseconds of the clock. */
  readonly readAt: number;
}

/** In the cache, with where it is noted beside it. */
interface Kept extends CachedSecret {
  readonly of: Held;
  readonly sourceKey: string;
}

/** Bytes of all secrets together, unless told otherwise. */
const usualBytes = 32 * 2 ** 20;

/** What an entry costs beside its content, measured. It bounds their number as well: no list of so many is made beforehand. */
const overhead = 1_024;

/** The secrets of all sessions, bounded in bytes; the least recently used go first. */
export class Secrets {
  /** By their numbers: long keys would cost more than what most secrets hold. */
  readonly #secrets: LRUCache<number, Kept>;
  #lastNumber = 0;

  constructor(bytes = usualBytes) {
    this.#secrets = new LRUCache({
      maxSize: bytes,
      sizeCalculation: ({ secret }) => overhead + secret.size,
      dispose: ({ of, sourceKey }, _key, reason) => {
        if (reason === 'evict') of.secrets.delete(sourceKey);
      },
    });
  }

  get size(): number {
    return this.#secrets.size;
  }

  get bytes(): number {
    return this.#secrets.calculatedSize;
  }

  /** When each was read, in milliseconds of the clock. */
  *readTimes(): Iterable<number> {
    for (const { readAt } of this.#secrets.values()) yield readAt;
  }

  get(held: Held, sourceKey: string): CachedSecret | undefined {
    const number = held.secrets.get(sourceKey);
    return number === undefined ? undefined : this.#secrets.get(number);
  }

  put(held: Held, sourceKey: string, secret: Secret, readAt: number): CachedSecret {
    const cached = this.numbered(secret, readAt);
    this.purge(held, sourceKey);
    this.#secrets.set(cached.number, { ...cached, of: held, sourceKey });
    // One that is larger than all of them may be is not taken in.
    if (this.#secrets.has(cached.number)) held.secrets.set(sourceKey, cached.number);
    return cached;
  }

  /** A secret that somebody else keeps; its number is as good as any. */
  numbered(secret: Secret, readAt: number): CachedSecret {
    return { secret, number: ++this.#lastNumber, readAt };
  }

  purge(held: Held, sourceKey: string): void {
    const number = held.secrets.get(sourceKey);
    if (number === undefined) return;
    this.#secrets.delete(number);
    held.secrets.delete(sourceKey);
  }

  /** Cached values die with their session. */
  purgeAll(held: Held): void {
    for (const number of held.secrets.values()) this.#secrets.delete(number);
    held.secrets.clear();
  }

  clear(): void {
    this.#secrets.clear();
  }
}

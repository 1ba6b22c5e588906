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

export interface SecretsLimits {
  readonly entries: number;
  readonly bytes: number;
}

const usualLimits: SecretsLimits = { entries: 50_000, bytes: 32 * 2 ** 20 };

/** What an entry costs beside its content. */
const overhead = 512;

/** The secrets of all sessions, bounded in number and bytes; the least recently used go first. */
export class Secrets {
  readonly #secrets: LRUCache<string, Kept>;
  #lastNumber = 0;

  constructor({ entries, bytes }: SecretsLimits = usualLimits) {
    this.#secrets = new LRUCache({
      max: entries,
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
    return this.#secrets.get(keyOf(held, sourceKey));
  }

  put(held: Held, sourceKey: string, secret: Secret, readAt: number): CachedSecret {
    const cached = this.numbered(secret, readAt);
    this.#secrets.set(keyOf(held, sourceKey), { ...cached, of: held, sourceKey });
    held.secrets.add(sourceKey);
    return cached;
  }

  /** A secret that somebody else keeps; its number is as good as any. */
  numbered(secret: Secret, readAt: number): CachedSecret {
    return { secret, number: ++this.#lastNumber, readAt };
  }

  purge(held: Held, sourceKey: string): void {
    this.#secrets.delete(keyOf(held, sourceKey));
    held.secrets.delete(sourceKey);
  }

  /** Cached values die with their session. */
  purgeAll(held: Held): void {
    for (const sourceKey of held.secrets) this.#secrets.delete(keyOf(held, sourceKey));
    held.secrets.clear();
  }

  clear(): void {
    this.#secrets.clear();
  }
}

function keyOf(held: Held, sourceKey: string): string {
  return `${held.id} ${sourceKey}`;
}

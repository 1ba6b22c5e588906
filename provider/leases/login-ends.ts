import { LRUCache } from 'lru-cache';
import type { Life } from './life.ts';
import { isTrial, lastSureRenewal } from './login-life.ts';

/** Milliseconds: a server may be replaced by one that does otherwise, and who asks no more would not notice. */
const knownFor = 86_400_000;
/** Milliseconds. A token of a day has that much left at least when kubelet asks for the next one. */
const longLogin = 4 * 3_600_000;

/**
 * Which servers renew a token no further than the login that it came from. No reply tells beforehand, so the first renewal behind the
 * end of a login is tried, and its answer holds for all tokens of that server, for a day.
 */
export class LoginEnds {
  readonly #known = new LRUCache<string, { readonly ends: boolean; readonly until: number }>({ max: 1_000 });
  /** Servers that were told of; a class may name many. */
  readonly #told = new LRUCache<string, true>({ max: 1_000 });
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** A renewal was refused because the login had ended. */
  refused(server: string | undefined): void {
    this.#learn(server, true);
  }

  /** A renewal was asked for at `asked`, and made. */
  renewed(server: string | undefined, life: Life, asked: number): void {
    if (isTrial(life, asked)) this.#learn(server, false);
  }

  /** Undefined: not known. */
  of(server: string | undefined): boolean | undefined {
    const known = this.#known.get(server ?? '');
    return known !== undefined && known.until > this.#now() ? known.ends : undefined;
  }

  /** Was the token renewed for the last time? */
  isOver(server: string | undefined, life: Life): boolean {
    return this.#now() >= lastSureRenewal(life) && this.of(server) === true;
  }

  /** Would it be refused to renew the token? */
  isRefused(server: string | undefined, { loginEnd = Number.POSITIVE_INFINITY }: Life): boolean {
    return this.#now() >= loginEnd && this.of(server) === true;
  }

  /** The token without the end of its login, where the server renews on. */
  relevant(server: string | undefined, life: Life): Life {
    if (life.loginEnd === undefined || this.of(server) !== false) return life;
    const { loginEnd: _, ...others } = life;
    return others;
  }

  /** The token as it will be after its last renewal; as it is where that is not known. */
  foresee(server: string | undefined, life: Life): Life {
    if (life.loginEnd === undefined || !life.renewable || this.of(server) !== true) return life;
    return { ...life, end: Math.max(life.end, lastSureRenewal(life) + life.duration), renewable: false };
  }

  /**
   * Minutes from the login to its end where that makes credentials short, once for each server: with the `expirationSeconds` of an
   * hour they are replaced about as often. Undefined: it is long enough, or was told.
   */
  newlyShort(server = '', { issuedAt, loginEnd = Number.POSITIVE_INFINITY }: Life): number | undefined {
    if (loginEnd - issuedAt >= longLogin || this.#told.has(server)) return undefined;
    this.#told.set(server, true);
    return Math.max(1, Math.round((loginEnd - issuedAt) / 60_000));
  }

  #learn(server: string | undefined, ends: boolean): void {
    this.#known.set(server ?? '', { ends, until: this.#now() + knownFor });
  }
}

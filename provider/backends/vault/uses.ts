import type { Tries } from './transport.ts';

/**
 * The requests that a token is still good for, `token_num_uses` of its role. Vault and OpenBao count every request with such a
 * token, refused ones as well, and with the last one end the token and every lease that was issued through it. So once a lease
 * hangs on it one use stays back, for the pod's end.
 */
export class Uses {
  #limit: number | undefined;
  #left = Number.POSITIVE_INFINITY;
  #kept = 0;
  #hasLease = false;
  #inFlight = 0;
  #ended = Promise.withResolvers<void>();

  /** `limit` as replies have it: 0 for any number. */
  constructor(limit = 0) {
    this.learn(limit);
  }

  /** What a reply said, if it is the first that said so. */
  learn(limit = 0): void {
    if (limit <= 0 || this.#limit !== undefined) return;
    this.#limit = limit;
    this.#left = limit;
  }

  /** Of a token that another process used before: nobody knows how often, so only what it kept back is left. */
  static resumed(limit: number): Uses {
    const uses = new Uses(limit);
    if (!uses.isLimited) return uses;
    uses.#left = 1;
    uses.leased();
    return uses;
  }

  /** Those of the new token; undefined: any number. */
  get limit(): number | undefined {
    return this.#limit;
  }

  get isLimited(): boolean {
    return this.#limit !== undefined;
  }

  /** Requests that may still be made, beside those that are kept back. */
  get spare(): number {
    return Math.max(0, this.#left - this.#kept);
  }

  /** A lease hangs on the token. To be said before its request ends. */
  leased(): void {
    if (!this.#hasLease) this.keepBack();
    this.#hasLease = true;
  }

  /** One more use is for the pod's end. */
  keepBack(): void {
    this.#kept++;
  }

  /** Makes a request, or undefined: there is no use left for it. The very last use waits until no answer can bring a lease any more. */
  async run<Result>(request: (tries: Tries) => Promise<Result>): Promise<Result | undefined> {
    while (this.#left === 1 && this.#inFlight > 0) await this.#ended.promise;
    if (this.spare === 0) return undefined;
    this.#left--;
    this.#inFlight++;
    try {
      return await request({ again: () => this.#again(), unsent: () => this.#left++ });
    } finally {
      this.#inFlight--;
      this.#ended.resolve();
      this.#ended = Promise.withResolvers();
    }
  }

  /** One more try of a request in flight. */
  #again(): boolean {
    if (this.spare === 0 || (this.#left === 1 && this.#inFlight > 1)) return false;
    this.#left--;
    return true;
  }
}

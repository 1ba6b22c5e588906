import type { Source } from './plan.ts';

/** A source as a dialect reads it from an object. */
export type NewSource = Omit<Source, 'key' | 'accessKey'>;

/** Numbers the distinct reads of a class: objects that need the same read, arguments included, share one. */
export class Sources {
  readonly list: Source[] = [];
  readonly #byKey = new Map<string, number>();
  /** The first with arguments, by access, address and method. */
  readonly #withArgs = new Map<string, number>();

  /** The index of the source in `list`. */
  add(source: NewSource): number {
    const accessKey = JSON.stringify(source.access);
    const typed = source.type === undefined ? [] : [source.type];
    const key = JSON.stringify([accessKey, source.address, source.version, source.request, ...typed]);
    const index = this.#byKey.get(key);
    if (index !== undefined) return this.#share(index, source);
    this.#byKey.set(key, this.list.length);
    const place = placeOf(source, accessKey);
    if (source.request?.args !== undefined && !this.#withArgs.has(place)) this.#withArgs.set(place, this.list.length);
    return this.list.push({ ...source, key, accessKey }) - 1;
  }

  /**
   * As `add`, but an object without arguments shares the first read before it of the same address and method that has some: the Go
   * Vault provider (1.7.4) remembers replies by path and method alone, so authors write the arguments of a certificate once.
   */
  addWithArgs(source: NewSource): number {
    if (source.request?.args !== undefined) return this.add(source);
    const index = this.#withArgs.get(placeOf(source, JSON.stringify(source.access)));
    return index === undefined ? this.add(source) : this.#share(index, source);
  }

  #share(index: number, source: NewSource): number {
    const known = this.list[index];
    if (known !== undefined) this.list[index] = strictest(known, source);
    return index;
  }
}

function placeOf({ address, request }: NewSource, accessKey: string): string {
  return JSON.stringify([accessKey, address, request?.method ?? 'GET']);
}

/** Of two objects that share a read, the one that wants it fresher decides. */
function strictest(known: Source, other: NewSource): Source {
  const { refresh: _refresh, staleOnError: stale, atMostDefault, ...rest } = known;
  const silent = known.refresh === undefined || other.refresh === undefined;
  const given = [known.refresh, other.refresh].filter((refresh) => refresh !== undefined);
  const shortest = given.toSorted((a, b) => length(a) - length(b))[0];
  const refresh = silent && shortest === 'once' ? undefined : shortest;
  const shortestStale =
    stale === undefined || other.staleOnError === undefined ? undefined : Math.min(stale, other.staleOnError);
  return {
    ...rest,
    ...(refresh === undefined ? {} : { refresh }),
    ...(known.revokeCertificate || other.revokeCertificate ? { revokeCertificate: true as const } : {}),
    ...(silent || atMostDefault ? { atMostDefault: true } : {}),
    ...(shortestStale === undefined ? {} : { staleOnError: shortestStale }),
  };
}

function length(refresh: number | 'once'): number {
  return refresh === 'once' ? Number.POSITIVE_INFINITY : refresh;
}

import type { Source } from './plan.ts';

/** Numbers the distinct reads of a class: objects that need the same read, arguments included, share one. */
export class Sources {
  readonly list: Source[] = [];
  readonly #byKey = new Map<string, number>();

  /** The index of the source in `list`. */
  add(source: Source): number {
    const key = sourceKey(source);
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const index = this.list.push(source) - 1;
    this.#byKey.set(key, index);
    return index;
  }
}

/** What makes two reads the same: everything but the place in the class. */
export function sourceKey({ access, address, version, request }: Source): string {
  return JSON.stringify([access, address, version, request]);
}

/** The files of the state directory and their bytes. */
export class FileSizes {
  readonly #sizes = new Map<string, number>();
  #bytes = 0;

  set(name: string, size: number): void {
    this.#bytes += size - (this.#sizes.get(name) ?? 0);
    this.#sizes.set(name, size);
  }

  has(name: string): boolean {
    return this.#sizes.has(name);
  }

  delete(name: string): void {
    this.#bytes -= this.#sizes.get(name) ?? 0;
    this.#sizes.delete(name);
  }

  total(): { readonly files: number; readonly bytes: number } {
    return { files: this.#sizes.size, bytes: this.#bytes };
  }
}

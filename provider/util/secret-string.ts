import { inspect } from 'node:util';

/**
 * A string that must not be printed. However it gets into a log line, an error or JSON, it says `[secret]`; only `reveal` gives
 * it out, so a search for that word finds every place where a secret leaves its wrapping.
 */
export class SecretString {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}

import type { Place } from '../errors.ts';
import { nearest } from '../util/nearest.ts';
import type { Problems } from './problems.ts';
import { toBoolean } from './scalars.ts';
import { isNull, type YamlMap, type YamlNode, type YamlScalar } from './yaml.ts';

/** What an object may hold, and how people misspell it. */
export interface FieldNames {
  readonly known: readonly string[];
  /** Mistakes that people make → what they mean. */
  readonly mistakes: Readonly<Record<string, string>>;
  /** Keys of the class language that this version does not offer yet. */
  readonly unsupported: readonly string[];
  /** A key that is not known, misspelt or not: `error` in our own format, `warn` where a provider of its own ignores it. */
  readonly unknown: 'error' | 'warn';
  /** Of each of these groups an object needs one: a key that was meant for one that lacks could not have worked anywhere. */
  readonly required: readonly (readonly string[])[];
  /** A key that is given twice: its last value counts, with a warning. Absent: it is an error, as in yaml.v3. */
  readonly lastCounts?: true;
}

/** Characters of a key in a place: all of a valid one, and enough to find any other. */
const longestKey = 60;

/** The fields of one object, read with their places; whatever is wrong is collected in `problems`. */
export class Fields {
  readonly at: Place;
  readonly #problems: Problems;
  readonly #fields: ReadonlyMap<string, { value: YamlNode; line: number }>;

  constructor(node: YamlMap, at: Place, problems: Problems) {
    this.at = at;
    this.#problems = problems;
    this.#fields = new Map(node.entries.map(({ key, value, line }) => [key, { value, line }]));
  }

  /** Reports keys that are not in `names`. */
  checkNames(names: FieldNames): void {
    for (const key of this.#fields.keys()) {
      if (names.known.includes(key)) continue;
      if (names.unsupported.includes(key)) {
        if (names.unknown === 'error') this.error(key, 'is not supported by this version of keymount');
        else this.warn(key, 'is not supported by this version of keymount and is ignored');
        continue;
      }
      // To guess at thousands of names would take long, and nobody would see them.
      const toldEnough = this.#problems.hasAllErrors || this.#problems.hasAllWarnings;
      const meant = toldEnough ? undefined : nearest(key, names.known, names.mistakes);
      // An empty leftover of an older format does no harm.
      if (meant !== undefined && this.#isEmpty(key)) this.warn(key, `is empty and ignored; it is now ${meant}`);
      else if (meant !== undefined && (names.unknown === 'error' || this.#lacks(meant, names)))
        this.error(key, `is not a known field; did you mean ${meant}?`);
      else if (names.unknown === 'error') this.error(key, `is not a known field; known are ${names.known.join(', ')}`);
      else if (meant === undefined) this.warn(key, 'is not a known field and is ignored');
      else if (this.has(meant)) this.warn(key, `is not a known field and is ignored; ${meant} counts`);
      else this.warn(key, `is not a known field and is ignored; did you mean ${meant}?`);
    }
  }

  #lacks(meant: string, { required }: FieldNames): boolean {
    return required.some((group) => group.includes(meant) && !group.some((key) => this.has(key)));
  }

  #isEmpty(key: string): boolean {
    const value = this.node(key);
    return value === undefined || (value.kind === 'scalar' && value.text === '');
  }

  place(key: string): Place {
    const line = this.#fields.get(key)?.line ?? this.at.line;
    return { ...this.at, path: `${this.at.path}.${key.slice(0, longestKey)}`, ...(line === undefined ? {} : { line }) };
  }

  error(key: string, message: string): void {
    this.#problems.error(this.place(key), message);
  }

  warn(key: string, message: string): void {
    this.#problems.warn(this.place(key), message);
  }

  has(key: string): boolean {
    return this.node(key) !== undefined;
  }

  /** The value, undefined where it is absent or null. */
  node(key: string): YamlNode | undefined {
    const value = this.#fields.get(key)?.value;
    return value === undefined || isNull(value) ? undefined : value;
  }

  scalar(key: string): YamlScalar | undefined {
    const value = this.node(key);
    if (value === undefined || value.kind === 'scalar') return value;
    this.error(key, `must be a text, not a ${value.kind}`);
    return undefined;
  }

  /** The text as written; `''` counts as absent. */
  text(key: string): string | undefined {
    const text = this.scalar(key)?.text;
    return text === '' ? undefined : text;
  }

  boolean(key: string): boolean {
    const value = this.scalar(key);
    if (value === undefined) return false;
    const result = toBoolean(value);
    if (result === undefined) this.error(key, 'must be true or false');
    return result ?? false;
  }
}

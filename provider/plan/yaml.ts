import {
  type Alias,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  type LineCounter,
  type Node,
  type Pair,
  type YAMLMap,
} from 'yaml';
import { composeYaml, deepest, largestText, YamlError } from './yaml-document.ts';

/**
 * YAML of a class as a small tree of our own: scalars keep the text that the author wrote (`0644`, `1.10`, `no`), every node has
 * its line, merge keys (`<<`) are resolved, and nothing in it can grow: tokens, depth, and what aliases repeat are bounded. What a
 * scalar means is decided by who reads it.
 */
export type YamlNode = YamlScalar | YamlList | YamlMap;

export interface YamlScalar {
  readonly kind: 'scalar';
  readonly text: string;
  /** Quoted or block text is a string whatever it looks like, and so is what has the tag `!!str`. */
  readonly plain: boolean;
  readonly line: number;
}

export interface YamlList {
  readonly kind: 'list';
  readonly items: readonly YamlNode[];
  readonly line: number;
}

export interface YamlMap {
  readonly kind: 'map';
  readonly entries: readonly YamlEntry[];
  readonly line: number;
}

export interface YamlEntry {
  readonly key: string;
  readonly value: YamlNode;
  readonly line: number;
}

const mostNodes = 20_000;
/** Characters of all scalars, those of aliases counted each time. Escapes only shrink, so no text without aliases reaches it. */
const mostText = 2 * largestText;

/** Told of a key that is given twice in a map, where the last one counts. */
export type OnTwice = (key: string, line: number, before: number) => void;

/**
 * Throws YamlError, whose text repeats nothing of what was written but a key that is given twice, unless there is somebody to be told of
 * that.
 */
export function parseYaml(text: string, onTwice: OnTwice = refuseTwice): YamlNode {
  const { contents, lines } = composeYaml(text);
  return new Reader(lines, onTwice).read(contents, 0);
}

function refuseTwice(key: string, line: number, before: number): never {
  throw new YamlError(`key "${key.slice(0, 40)}" is given twice (first on line ${before})`, line);
}

export { largestText, YamlError };

class Reader {
  readonly #lines: LineCounter;
  readonly #onTwice: OnTwice;
  readonly #anchored = new Map<string, Node>();
  /** What an alias meant where it stood: its anchor may be given again before the alias is read as part of another. */
  readonly #targets = new WeakMap<Alias, Node>();
  #expanding = 0;
  #nodes = 0;
  #text = 0;

  constructor(lines: LineCounter, onTwice: OnTwice) {
    this.#lines = lines;
    this.#onTwice = onTwice;
  }

  read(node: Node | null, depth: number, near = 1): YamlNode {
    const line = node?.range ? this.#lines.linePos(node.range[0]).line : near;
    if (++this.#nodes > mostNodes)
      throw new YamlError(`more than ${mostNodes} values (aliases counted each time)`, line);
    if (depth > deepest) throw new YamlError(`nested more than ${deepest} levels`, line);
    if (node === null) return { kind: 'scalar', text: '', plain: true, line };
    if (isAlias(node)) return this.#alias(node, depth, line);
    const read = this.#content(node, depth, line);
    const { anchor } = node as { anchor?: string };
    if (anchor !== undefined && this.#expanding === 0) this.#anchored.set(anchor, node);
    return read;
  }

  #alias(alias: Alias, depth: number, line: number): YamlNode {
    const target = this.#targets.get(alias) ?? this.#anchored.get(alias.source);
    // Its name may be a password that begins with an asterisk.
    if (target === undefined)
      throw new YamlError('an alias (*…) without its anchor; quote a text that begins with *', line);
    this.#targets.set(alias, target);
    this.#expanding++;
    const read = this.read(target, depth + 1, line);
    this.#expanding--;
    return read;
  }

  #content(node: Node, depth: number, line: number): YamlNode {
    if (isScalar(node)) {
      const text = String(node.value ?? '');
      this.#text += text.length;
      if (this.#text > mostText)
        throw new YamlError('more text than a class can have (aliases counted each time)', line);
      const plain = (node.type === 'PLAIN' || node.type === undefined) && node.tag !== 'tag:yaml.org,2002:str';
      return { kind: 'scalar', text, plain, line };
    }
    if (isSeq(node)) {
      return { kind: 'list', items: node.items.map((item) => this.read(item as Node | null, depth + 1, line)), line };
    }
    if (isMap(node)) return { kind: 'map', entries: this.#entries(node, depth, line), line };
    throw new YamlError('not a scalar, list or map', line);
  }

  /** The entries of a map, those of its merge keys (YAML 1.1, as Go reads them) after its own. */
  #entries({ items }: YAMLMap, depth: number, line: number): YamlEntry[] {
    const own: YamlEntry[] = [];
    const merged: YamlNode[] = [];
    for (const pair of items as Pair<Node, Node | null>[]) {
      const key = isPair(pair) && pair.key !== null ? this.read(pair.key, depth + 1, line) : undefined;
      if (key?.kind !== 'scalar') throw new YamlError('a key must be a plain name', key?.line ?? line);
      const value = this.read(pair.value, depth + 1, key.line);
      if (key.plain && key.text === '<<') merged.push(...(value.kind === 'list' ? value.items : [value]));
      else own.push({ key: key.text, value, line: key.line });
    }
    const unique = lastOfEach(own, this.#onTwice);
    return merged.length === 0 ? unique : addMerged(unique, merged);
  }
}

/** A map's own entries count first, then those of the first map that has the key. */
function addMerged(own: readonly YamlEntry[], maps: readonly YamlNode[]): YamlEntry[] {
  const entries = new Map(own.map((entry) => [entry.key, entry]));
  for (const map of maps) {
    if (map.kind !== 'map') throw new YamlError('a merge key (<<) needs a map or a list of maps', map.line);
    for (const entry of map.entries) if (!entries.has(entry.key)) entries.set(entry.key, entry);
  }
  return [...entries.values()];
}

/** In the order of the first of each; the last one counts. */
function lastOfEach(entries: readonly YamlEntry[], onTwice: OnTwice): YamlEntry[] {
  const byKey = new Map<string, YamlEntry>();
  for (const entry of entries) {
    const before = byKey.get(entry.key);
    if (before !== undefined) onTwice(entry.key, entry.line, before.line);
    byKey.set(entry.key, entry);
  }
  return byKey.size === entries.length ? [...entries] : [...byKey.values()];
}

/** Plain empty, `~` and `null` mean: not given. */
export function isNull(node: YamlNode): boolean {
  return node.kind === 'scalar' && node.plain && (node.text === '' || /^(?:~|null|Null|NULL)$/.test(node.text));
}

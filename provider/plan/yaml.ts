import { Composer, isAlias, isMap, isPair, isScalar, isSeq, LineCounter, type Node, type Pair, Parser } from 'yaml';

/**
 * YAML of a class as a small tree of our own: scalars keep the text that the author wrote (`0644`, `1.10`, `no`), every node has
 * its line, and nothing in it can grow (aliases and depth are bounded). What a scalar means is decided by who reads it.
 */
export type YamlNode = YamlScalar | YamlList | YamlMap;

export interface YamlScalar {
  readonly kind: 'scalar';
  readonly text: string;
  /** Quoted or block text is a string whatever it looks like. */
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
  readonly entries: readonly { readonly key: string; readonly value: YamlNode; readonly line: number }[];
  readonly line: number;
}

/** Text that is no YAML, or more of it than a class may have. `line` is 1-based. */
export class YamlError extends Error {
  readonly line: number;
  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

/** The objects of a class; more is refused before it is parsed (class-language.md: 128 KiB). */
export const largestText = 128 * 1024;
const deepest = 32;
const mostNodes = 20_000;

export function parseYaml(text: string): YamlNode {
  if (Buffer.byteLength(text) > largestText) {
    throw new YamlError(`larger than ${largestText / 1024} KiB; split it into several classes`, 1);
  }
  checkDepth(text);
  const lines = new LineCounter();
  // Duplicate keys are looked for below: the library's own check is quadratic.
  const composer = new Composer({ schema: 'failsafe', uniqueKeys: false, lineCounter: lines, keepSourceTokens: false });
  const documents = [...composer.compose(new Parser(lines.addNewLine).parse(text), true, text.length)];
  const first = documents[0];
  if (first === undefined || first.contents === null) return { kind: 'scalar', text: '', plain: true, line: 1 };
  const problem = documents.flatMap((d) => d.errors)[0];
  if (problem !== undefined) throw new YamlError(problemText(problem.message), lines.linePos(problem.pos[0]).line);
  if (documents.length > 1) throw new YamlError('more than one YAML document', 1);
  return new Reader(lines).read(first.contents as Node, 0);
}

/** The parser recurses over nesting, so it is bounded before. Flow nesting alone can be deep within 128 KiB. */
function checkDepth(text: string): void {
  let depth = 0;
  let line = 1;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 0x0a) line++;
    else if (c === 0x5b || c === 0x7b) depth++;
    else if ((c === 0x5d || c === 0x7d) && depth > 0) depth--;
    // Brackets in texts count as well, so the bound is far above what a class nests.
    if (depth > 512) throw new YamlError('nested too deeply', line);
  }
}

// The library quotes the text around a problem on further lines; a pasted secret must not come back in an error.
function problemText(message: string): string {
  const first = message.split('\n', 1)[0] ?? '';
  return first.replace(/ at line \d+, column \d+:?$/, '').replace(/: *["'`].*$/s, '');
}

class Reader {
  readonly #lines: LineCounter;
  readonly #anchored = new Map<string, Node>();
  #nodes = 0;

  constructor(lines: LineCounter) {
    this.#lines = lines;
  }

  read(node: Node | null, depth: number, near = 1): YamlNode {
    const line = node?.range ? this.#lines.linePos(node.range[0]).line : near;
    if (++this.#nodes > mostNodes)
      throw new YamlError(`more than ${mostNodes} values (aliases counted each time)`, line);
    if (depth > deepest) throw new YamlError(`nested more than ${deepest} levels`, line);
    if (node === null) return { kind: 'scalar', text: '', plain: true, line };
    if (isAlias(node)) {
      const target = this.#anchored.get(node.source);
      if (target === undefined) throw new YamlError(`unknown alias *${node.source}`, line);
      return this.read(target, depth + 1, line);
    }
    const anchor = (node as { anchor?: string }).anchor;
    if (isScalar(node)) {
      if (anchor !== undefined) this.#anchored.set(anchor, node);
      return {
        kind: 'scalar',
        text: String(node.value ?? ''),
        plain: node.type === 'PLAIN' || node.type === undefined,
        line,
      };
    }
    if (isSeq(node)) {
      const items = node.items.map((item) => this.read(item as Node | null, depth + 1, line));
      if (anchor !== undefined) this.#anchored.set(anchor, node);
      return { kind: 'list', items, line };
    }
    if (isMap(node)) {
      const entries = node.items.map((pair) => this.#pair(pair as Pair<Node, Node | null>, depth, line));
      if (anchor !== undefined) this.#anchored.set(anchor, node);
      checkUnique(entries);
      return { kind: 'map', entries, line };
    }
    throw new YamlError('not a scalar, list or map', line);
  }

  #pair(pair: Pair<Node, Node | null>, depth: number, near: number): { key: string; value: YamlNode; line: number } {
    const key = isPair(pair) && pair.key !== null ? this.read(pair.key, depth + 1, near) : undefined;
    if (key?.kind !== 'scalar') throw new YamlError('a key must be a plain name', key?.line ?? near);
    return { key: key.text, value: this.read(pair.value, depth + 1, key.line), line: key.line };
  }
}

function checkUnique(entries: YamlMap['entries']): void {
  const seen = new Map<string, number>();
  for (const { key, line } of entries) {
    const before = seen.get(key);
    if (before !== undefined) throw new YamlError(`key "${key}" is given twice (first on line ${before})`, line);
    seen.set(key, line);
  }
}

/** Plain empty, `~` and `null` mean: not given. */
export function isNull(node: YamlNode): boolean {
  return node.kind === 'scalar' && node.plain && (node.text === '' || /^(?:~|null|Null|NULL)$/.test(node.text));
}

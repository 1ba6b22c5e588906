import {
  type Alias,
  Composer,
  type CST,
  type Document,
  type ErrorCode,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  type Pair,
  Parser,
  type YAMLMap,
  type YAMLParseError,
} from 'yaml';

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

/** Text that is no YAML, or more of it than a class may have. `line` is 1-based. */
export class YamlError extends Error {
  readonly line: number;
  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

/** The objects of a class; more is refused before it is parsed (docs/class.md: 128 KiB). */
export const largestText = 128 * 1024;
const deepest = 32;
const mostNodes = 20_000;
/** More than 128 KiB of dense class text have. A token costs microseconds, and one process serves all pods of the node. */
const mostTokens = 70_000;
/** Characters of all scalars, those of aliases counted each time. Escapes only shrink, so no text without aliases reaches it. */
const mostText = 2 * largestText;

export function parseYaml(text: string): YamlNode {
  if (Buffer.byteLength(text) > largestText) {
    throw new YamlError(`larger than ${largestText / 1024} KiB; split it into several classes`, 1);
  }
  const lines = new LineCounter();
  const [first, ...others] = withoutStackTraces(() => compose(text, lines));
  const problem = [first, ...others].flatMap((document) => document?.errors ?? [])[0];
  if (problem !== undefined) throw new YamlError(problemText(problem), lines.linePos(problem.pos[0]).line);
  const second = others.find((document) => !isEmpty(document));
  if (second !== undefined) throw new YamlError('more than one YAML document', lines.linePos(second.range[0]).line);
  return new Reader(lines).read(first?.contents ?? null, 0);
}

function isEmpty({ contents }: Document.Parsed): boolean {
  return contents === null || contents.range[0] === contents.range[1];
}

function compose(text: string, lines: LineCounter) {
  // Duplicate keys are looked for below: the library's own check is quadratic.
  const composer = new Composer({ schema: 'failsafe', uniqueKeys: false, lineCounter: lines, keepSourceTokens: false });
  return [...composer.compose(readTokens(text, lines), true, text.length)];
}

/** The library's parser, stopped at its first error, and before its recursion over nested text could get deep. */
function* readTokens(text: string, lines: LineCounter): Generator<CST.Token, void> {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  let tokens = 0;
  let documents = 0;
  const here = () => lines.linePos(parser.offset).line;
  for (const lexeme of new Lexer().lex(text)) {
    if (++tokens > mostTokens) throw new YamlError('more tokens than a class can have', here());
    if (parser.stack.length > deepest + 4) throw new YamlError(`nested more than ${deepest} levels`, here());
    for (const token of parser.next(lexeme)) {
      yield token;
      if (token.type === 'error') return;
      // A final `---` begins a second one.
      if (token.type === 'document' && ++documents > 2) throw new YamlError('more than one YAML document', here());
    }
  }
  yield* parser.end();
}

/** The library makes an Error of every problem that it finds and goes on; their stack traces would take most of the time. */
function withoutStackTraces<Result>(work: () => Result): Result {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return work();
  } finally {
    Error.stackTraceLimit = before;
  }
}

/**
 * Where the library's own words quote the text, for a pasted secret must not come back in an error, or where they say nothing to
 * who has only indented a line wrongly, which is the commonest mistake in a text within a text.
 */
const ownWords: Partial<Record<ErrorCode, string>> = {
  BAD_DIRECTIVE: 'a broken directive (%…)',
  BAD_DQ_ESCAPE: 'a broken escape (\\…) in a quoted text',
  BLOCK_AS_IMPLICIT_KEY: 'uneven indentation; the fields of an object begin one below the other',
  RESOURCE_EXHAUSTION: 'nested too deeply',
  TAG_RESOLVE_FAILED: 'a broken tag (!…)',
  UNEXPECTED_TOKEN: 'something that does not belong there; check the indentation, which is of spaces, never tabs',
};

function problemText({ code, message }: YAMLParseError): string {
  return ownWords[code] ?? message.replace(/(\w): .*$/s, '$1');
}

class Reader {
  readonly #lines: LineCounter;
  readonly #anchored = new Map<string, Node>();
  /** What an alias meant where it stood: its anchor may be given again before the alias is read as part of another. */
  readonly #targets = new WeakMap<Alias, Node>();
  #expanding = 0;
  #nodes = 0;
  #text = 0;

  constructor(lines: LineCounter) {
    this.#lines = lines;
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
    checkUnique(own);
    return merged.length === 0 ? own : addMerged(own, merged);
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

function checkUnique(entries: readonly YamlEntry[]): void {
  const seen = new Map<string, number>();
  for (const { key, line } of entries) {
    const before = seen.get(key);
    if (before !== undefined)
      throw new YamlError(`key "${key.slice(0, 40)}" is given twice (first on line ${before})`, line);
    seen.set(key, line);
  }
}

/** Plain empty, `~` and `null` mean: not given. */
export function isNull(node: YamlNode): boolean {
  return node.kind === 'scalar' && node.plain && (node.text === '' || /^(?:~|null|Null|NULL)$/.test(node.text));
}

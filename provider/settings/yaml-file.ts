import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type Scalar } from 'yaml';

/** The configuration file as a tree that knows its lines. */
export type FileNode = FileText | FileList | FileMap;

export interface FileText {
  readonly line: number;
  /** As written; undefined for an empty value, `~` and `null`. */
  readonly text: string | undefined;
  /** As YAML 1.2 types it, but a number that would not print as it was written (`0400`, `1.10`) stays text. */
  readonly value: string | number | boolean | null;
}
export interface FileList {
  readonly line: number;
  readonly items: readonly FileNode[];
}
export interface FileMap {
  readonly line: number;
  /** `line` is that of the key. */
  readonly entries: ReadonlyMap<string, { readonly line: number; readonly node: FileNode }>;
}

export interface FileProblem {
  readonly line: number;
  readonly message: string;
}

// An admin's file is trusted, but a mistake in it (an alias within itself) must not end as a stack overflow.
const mostNodes = 50_000;
const deepest = 64;
const tooLarge = 'is too large or nested too deeply';

/** Reads a file; its messages never quote it, as it may hold a password. The map is empty if the text is no YAML map. */
export function readYamlFile(text: string): { readonly root: FileMap; readonly problems: readonly FileProblem[] } {
  const lines = new LineCounter();
  const empty: FileMap = { line: 1, entries: new Map() };
  const document = parse(text, lines);
  if (document === undefined) return { root: empty, problems: [{ line: 1, message: tooLarge }] };
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0) {
    // The library's messages quote the text; its codes do not: DUPLICATE_KEY.
    const problems = faults.map(({ code, pos }) => ({
      line: lines.linePos(pos[0]).line,
      message: `is not valid YAML: ${code.toLowerCase().replaceAll('_', ' ')}`,
    }));
    return { root: empty, problems };
  }

  const problems: FileProblem[] = [];
  const root = new Reader(lines, problems, (node) => (isAlias(node) ? node.resolve(document) : node)).read(
    document.contents,
    0,
  );
  if ('entries' in root) return { root, problems };
  if (!('text' in root) || root.value !== null)
    problems.push({ line: root.line, message: 'must be a map of settings' });
  return { root: empty, problems };
}

function parse(text: string, lineCounter: LineCounter) {
  try {
    return parseDocument(text, { schema: 'core', prettyErrors: false, lineCounter });
  } catch {
    // The parser recurses over nesting.
    return undefined;
  }
}

class Reader {
  readonly #lines: LineCounter;
  readonly #problems: FileProblem[];
  readonly #resolve: (node: Node) => Node | undefined;
  #nodes = 0;

  constructor(lines: LineCounter, problems: FileProblem[], resolve: (node: Node) => Node | undefined) {
    this.#lines = lines;
    this.#problems = problems;
    this.#resolve = resolve;
  }

  read(written: Node | null, depth: number): FileNode {
    const line = this.#lineOf(written);
    const node = written === null ? undefined : this.#resolve(written);
    if (++this.#nodes > mostNodes || depth > deepest) {
      if (!this.#problems.some(({ message }) => message === tooLarge)) this.#problems.push({ line, message: tooLarge });
      return nothing(line);
    }
    if (isAlias(written) && node === undefined) this.#problems.push({ line, message: 'is an alias of nothing' });
    if (isScalar(node)) return readScalar(node, line);
    if (isSeq(node)) return { line, items: node.items.map((item) => this.read(item as Node | null, depth + 1)) };
    if (isMap(node)) {
      const entries = new Map<string, { line: number; node: FileNode }>();
      for (const pair of node.items) {
        const key = pair.key as Node | null;
        const keyLine = this.#lineOf(key);
        if (!isScalar(key)) this.#problems.push({ line: keyLine, message: 'a key must be a text' });
        else {
          const name = readScalar(key, keyLine).text ?? '';
          const value = pair.value as Node | null;
          entries.set(name, { line: keyLine, node: value === null ? nothing(keyLine) : this.read(value, depth + 1) });
        }
      }
      return { line, entries };
    }
    return nothing(line);
  }

  #lineOf(node: Node | null): number {
    return this.#lines.linePos(node?.range?.[0] ?? 0).line;
  }
}

function nothing(line: number): FileText {
  return { line, text: undefined, value: null };
}

function readScalar(scalar: Scalar, line: number): FileText {
  const { value } = scalar;
  if (value === null || value === undefined) return nothing(line);
  if (typeof value === 'string') return { line, text: value, value };
  const text = scalar.source ?? String(value);
  const printsAsWritten = typeof value === 'boolean' || (typeof value === 'number' && String(value) === text);
  return { line, text, value: printsAsWritten ? value : text };
}

/** The plain data of a node: maps without a prototype, empty values as null. */
export function plainData(node: FileNode): unknown {
  if ('items' in node) return node.items.map(plainData);
  if ('text' in node) return node.value;
  const data: Record<string, unknown> = Object.create(null);
  for (const [key, entry] of node.entries) data[key] = plainData(entry.node);
  return data;
}

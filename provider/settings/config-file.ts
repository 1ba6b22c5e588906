import { didYouMean } from '../util/nearest.ts';
import { type Gathered, type Given, splitList } from './given.ts';
import { isKnob, type KnobTree, kebab, listKnobs } from './knob.ts';
import { type FileMap, type FileNode, readYamlFile } from './yaml-file.ts';

export interface ConfigFile extends Gathered {
  /** What the file has under `connections`; undefined: nothing. */
  readonly connections: FileNode | undefined;
  /** `/etc/keymount/config.yaml:12 connections.web.tls`: the place of a path, as near as the file has it. */
  readonly placeOf: (path: readonly PropertyKey[]) => FilePlace;
}

export interface FilePlace {
  readonly from: string;
  readonly line: number;
}

/** No file: nothing given. */
export const noConfigFile: ConfigFile = {
  given: new Map(),
  problems: [],
  connections: undefined,
  placeOf: (path) => ({ from: path.join('.'), line: 0 }),
};

/** Settings of a configuration file, by path: `log.level`. An empty value counts as not given, an empty list (`[]`) as a list. */
export function gatherFile(name: string, text: string, tree: KnobTree): ConfigFile {
  const { root, problems: faults } = readYamlFile(text);
  const gatherer = new Gatherer(name, tree);
  for (const { line, message } of faults) gatherer.fail(line, [], message);
  gatherer.walk(root, tree, []);
  return {
    given: gatherer.given,
    problems: gatherer.problems,
    connections: root.entries.get('connections')?.node,
    placeOf: (path) => {
      const line = lineOf(root, path);
      return { from: from(name, line, path), line };
    },
  };
}

class Gatherer {
  readonly given = new Map<string, Given>();
  readonly problems: Gathered['problems'][number][] = [];
  readonly #name: string;
  readonly #misplaced: Readonly<Record<string, string>>;

  constructor(name: string, tree: KnobTree) {
    this.#name = name;
    // People write `logLevel` or `log-level` for what is `log.level`.
    const nested = listKnobs(tree).filter(({ path }) => path.includes('.'));
    this.#misplaced = Object.fromEntries(
      nested.flatMap(({ path }) => [
        [camel(path), path],
        [kebab(path), path],
      ]),
    );
  }

  fail(line: number, path: readonly string[], message: string): void {
    this.problems.push({ origin: 'file', from: from(this.#name, line, path), order: line, message });
  }

  walk(map: FileMap, tree: KnobTree, above: readonly string[]): void {
    const top = above.length === 0;
    for (const [key, { line, node }] of map.entries) {
      const path = [...above, key];
      if (top && key === 'connections') continue;
      const branch = Object.hasOwn(tree, key) ? tree[key] : undefined;
      if (branch === undefined) {
        const siblings = [...Object.keys(tree), ...(top ? ['connections'] : [])];
        this.fail(line, path, `is not a known setting${didYouMean(key, siblings, top ? this.#misplaced : {})}`);
      } else if (isKnob(branch)) this.#take(node, line, path, branch.kind.many);
      else if ('entries' in node) this.walk(node, branch, path);
      else if (!('text' in node) || node.value !== null) {
        this.fail(line, path, `must be a map with ${Object.keys(branch).join(', ')}`);
      }
    }
  }

  #take(node: FileNode, line: number, path: readonly string[], many: boolean): void {
    const texts = textsOf(node, many);
    const name = path.join('.');
    if (texts === undefined) this.fail(line, path, many ? 'must be a list of texts' : 'must be a single value');
    else if (texts !== 'nothing') {
      this.given.set(name, { texts, origin: 'file', from: from(this.#name, line, path), order: line });
    }
  }
}

function textsOf(node: FileNode, many: boolean): readonly string[] | 'nothing' | undefined {
  if ('text' in node) {
    if (node.text === undefined || node.text === '') return 'nothing';
    return many ? splitList(node.text) : [node.text];
  }
  if (!many || !('items' in node)) return undefined;
  const texts = node.items.map((item) => ('text' in item ? item.text : undefined));
  return texts.every((text) => text !== undefined) ? texts : undefined;
}

function from(name: string, line: number, path: readonly PropertyKey[]): string {
  return path.length === 0 ? `${name}:${line}` : `${name}:${line} ${path.join('.')}`;
}

/** The line of the deepest part of the path that exists. */
function lineOf(root: FileMap, path: readonly PropertyKey[]): number {
  let node: FileNode = root;
  let line = root.line;
  for (const part of path) {
    if ('entries' in node) {
      const entry = node.entries.get(String(part));
      if (entry === undefined) return line;
      line = entry.line;
      node = entry.node;
    } else {
      const item: FileNode | undefined = 'items' in node ? node.items[Number(part)] : undefined;
      if (item === undefined) return line;
      line = item.line;
      node = item;
    }
  }
  return line;
}

function camel(path: string): string {
  return path.replace(/\.([a-z])/g, (_dot, letter: string) => letter.toUpperCase());
}

import {
  type Document,
  type ErrorCode,
  isAlias,
  isMap,
  isScalar,
  LineCounter,
  parseDocument,
  visit,
  type YAMLMap,
} from 'yaml';
import { KeymountError } from '../../errors.ts';
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '../../util/json.ts';

/** How a file of the store is read. */
export type Format = 'yaml' | 'json' | 'bytes';

/**
 * The keys of a secret. In YAML every scalar is the text that is written there: `0644`, `no`, `1.10` and twenty digits stay what
 * they look like; a value without text is the empty string. In JSON numbers keep their digits. Throws `backend-reply-invalid`
 * with a line number and never a piece of the text. The result is frozen: all pods share it.
 */
export function parseKeys(bytes: Uint8Array, format: 'yaml' | 'json', file: string): JsonObject {
  const text = decodeText(bytes, file);
  const value = format === 'yaml' ? parseYaml(text, file) : parseJsonText(text, file);
  if (!isJsonObject(value)) {
    const what = format === 'yaml' ? 'a YAML map' : 'a JSON object';
    throw unusable(
      file,
      `is not ${what} at its top`,
      'a file without keys is addressed by its whole name, with its extension',
    );
  }
  return freeze(value);
}

function decodeText(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw unusable(file, 'is not UTF-8 text');
  }
}

function parseJsonText(text: string, file: string): JsonValue {
  try {
    return parseJson(text);
  } catch {
    throw unusable(file, 'is not JSON');
  }
}

function parseYaml(text: string, file: string): JsonValue {
  const lines = new LineCounter();
  // Without pretty errors the parser shows the text nowhere; of an error only its code and line are used.
  const document = parseDocument(text, {
    schema: 'failsafe',
    merge: true,
    // The parser's own check is quadratic.
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: 'error',
    lineCounter: lines,
  });
  const [error] = document.errors;
  const problem = error === undefined ? findProblem(document) : { about: wording(error.code), offset: error.pos[0] };
  if (problem !== undefined) throw unusable(file, `${problem.about}, line ${lines.linePos(problem.offset).line}`);
  try {
    return plain(document.toJS({ mapAsMap: true }));
  } catch {
    throw unusable(file, 'has a key that is no text, an alias without its anchor, or too many aliases');
  }
}

function wording(code: ErrorCode): string {
  if (code === 'MULTIPLE_DOCS') return 'holds more than one YAML document';
  return `is not YAML (${code.toLowerCase().replaceAll('_', ' ')})`;
}

interface Problem {
  readonly about: string;
  readonly offset: number;
}

/** What the parser takes and a secret should not have: a tag such as `!!binary`, and a key that its map has already. */
function findProblem(document: Document): Problem | undefined {
  let problem: Problem | undefined;
  visit(document, {
    Node(_, node) {
      const tag = isAlias(node) ? undefined : node.tag;
      if (tag !== undefined && !harmless.has(tag)) {
        problem = { about: 'has a tag; in the store every scalar is text', offset: node.range?.[0] ?? 0 };
      } else if (isMap(node)) {
        const offset = findRepeatedKey(node);
        if (offset !== undefined) problem = { about: 'has the same key twice', offset };
      }
      return problem && visit.BREAK;
    },
  });
  return problem;
}

function findRepeatedKey(map: YAMLMap): number | undefined {
  const seen = new Set<unknown>();
  for (const { key } of map.items) {
    if (!isScalar(key)) continue;
    if (seen.has(key.value)) return key.range?.[0] ?? 0;
    seen.add(key.value);
  }
  return undefined;
}

const harmless = new Set(['str', 'map', 'seq'].map((type) => `tag:yaml.org,2002:${type}`));

/** A failsafe document holds maps, lists and text only; one without content is null. */
function plain(value: unknown): JsonValue {
  if (value === null || typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(plain);
  if (!(value instanceof Map)) throw new TypeError('not a value of the failsafe schema');
  return Object.fromEntries(
    [...value].map(([key, item]) => {
      if (typeof key !== 'string') throw new TypeError('a key that is no text');
      return [key, plain(item)];
    }),
  );
}

function freeze<Value extends JsonValue>(value: Value): Value {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(freeze);
  }
  return value;
}

/** The file is there but cannot be used. `file` is its path within the store. */
export function unusable(file: string, why: string, hint?: string): KeymountError {
  return new KeymountError('backend-reply-invalid', `${file} in the file store ${why}`, { hint });
}

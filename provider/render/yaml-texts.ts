import { Composer, type CST, isAlias, isMap, isScalar, Lexer, type Node, Parser, type Scalar } from 'yaml';

/** Longer texts, deeper ones and denser ones are refused: whoever writes a secret must not be able to keep the process busy. */
const largest = 256 * 1024;
const deepest = 64;
const mostTokens = 100_000;

/**
 * The top level of a YAML document, as Go's yaml.v3 reads it: texts by key, null for a value that is of another type. An empty
 * document has no keys. Undefined: it is no YAML, or no mapping.
 */
export function yamlTexts(text: string): Map<string, string | null> | undefined {
  if (text.length > largest) return undefined;
  const before = Error.stackTraceLimit;
  // The library makes an Error of every problem; their stack traces would take most of the time.
  Error.stackTraceLimit = 0;
  try {
    return topLevel(text);
  } finally {
    Error.stackTraceLimit = before;
  }
}

function topLevel(text: string): Map<string, string | null> | undefined {
  const tokens = readTokens(text);
  if (tokens === undefined) return undefined;
  // Duplicate keys are looked for below: the library's own check is quadratic.
  const composer = new Composer({ schema: 'failsafe', uniqueKeys: false, keepSourceTokens: false });
  const [document] = [...composer.compose(tokens, true, text.length)];
  if (document === undefined || document.errors.length > 0) return undefined;
  const { contents } = document;
  if (contents === null || (isScalar(contents) && isPlain(contents) && isNullText(String(contents.value ?? '')))) {
    return new Map();
  }
  if (!isMap(contents)) return undefined;
  const texts = new Map<string, string | null>();
  for (const { key, value } of contents.items) {
    if (!isScalar(key) || texts.has(String(key.value))) return undefined;
    const node = isAlias(value) ? value.resolve(document) : (value as Node | null);
    texts.set(String(key.value), isScalar(node) ? textOf(node) : null);
  }
  return texts;
}

/** undefined: too deep or too dense. */
function readTokens(text: string): CST.Token[] | undefined {
  const parser = new Parser();
  const tokens: CST.Token[] = [];
  let count = 0;
  for (const lexeme of new Lexer().lex(text)) {
    if (++count > mostTokens || parser.stack.length > deepest) return undefined;
    tokens.push(...parser.next(lexeme));
  }
  tokens.push(...parser.end());
  return tokens;
}

/** The text of a scalar that is one; null for numbers, booleans, null and times. */
function textOf(node: Scalar): string | null {
  const text = String(node.value ?? '');
  if (!isPlain(node)) return text;
  return isNullText(text) || isTyped(text) ? null : text;
}

function isPlain({ type, tag }: Scalar): boolean {
  return (type === 'PLAIN' || type === undefined) && tag !== 'tag:yaml.org,2002:str';
}

function isNullText(text: string): boolean {
  return /^(?:|~|null|Null|NULL)$/.test(text);
}

/** https://github.com/go-yaml/yaml/blob/v3/resolve.go, by the forms that it gives a type to. */
function isTyped(text: string): boolean {
  const number = text.startsWith('_') ? text : text.replaceAll('_', '');
  return (
    /^(?:true|True|TRUE|false|False|FALSE)$/.test(text) ||
    /^[-+]?(?:0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|[0-9]+)$/.test(number) ||
    /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/.test(number) ||
    /^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/.test(text) ||
    /^\d{4}-\d{1,2}-\d{1,2}(?:$|[Tt ])/.test(text)
  );
}

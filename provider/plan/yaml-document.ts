import {
  Composer,
  type CST,
  type Document,
  type ErrorCode,
  Lexer,
  LineCounter,
  type Node,
  Parser,
  type YAMLParseError,
} from 'yaml';

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
/** Levels of nesting. */
export const deepest = 32;
/** More than 128 KiB of dense class text have. A token costs microseconds, and one process serves all pods of the node. */
const mostTokens = 70_000;

/** The one document of a text, as the library composes it, within the bounds of a class. Throws YamlError. */
export function composeYaml(text: string): { contents: Node | null; lines: LineCounter } {
  if (Buffer.byteLength(text) > largestText) {
    throw new YamlError(`larger than ${largestText / 1024} KiB; split it into several classes`, 1);
  }
  const lines = new LineCounter();
  // An editor's byte order mark is no part of it; the library would count it as a column.
  const [first, ...others] = withoutStackTraces(() => compose(text.replace(/^\ufeff/, ''), lines));
  const problem = [first, ...others].flatMap((document) => document?.errors ?? [])[0];
  if (problem !== undefined) throw new YamlError(problemText(problem), lines.linePos(problem.pos[0]).line);
  const second = others.find((document) => !isEmpty(document));
  if (second !== undefined) throw new YamlError('more than one YAML document', lines.linePos(second.range[0]).line);
  return { contents: first?.contents ?? null, lines };
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

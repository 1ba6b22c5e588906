import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const repository = fileURLToPath(new URL('../..', import.meta.url));

/** The pages that people read, as `docs/class.md`. */
export const pages: readonly string[] = [
  'README.md',
  'SECURITY.md',
  'CONTRIBUTING.md',
  ...readdirSync(`${repository}/docs`)
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** A fenced block of a page. */
export interface Block {
  /** `docs/class.md`. */
  readonly page: string;
  /** 1-based, of the opening fence. */
  readonly line: number;
  /** First word after the fence: `yaml`. */
  readonly language: string;
  /** What else stands there as `name=value` or `name`: `error=no-data`. Readers do not see it. */
  readonly marks: Readonly<Record<string, string>>;
  readonly text: string;
}

/** Every fenced block of a page, in its order. */
export function blocksOf(page: string, text = readPage(page)): Block[] {
  const blocks: Block[] = [];
  let open: { line: number; info: string; lines: string[] } | undefined;
  text.split('\n').forEach((line, index) => {
    const fence = /^ {0,3}```(.*)$/.exec(line);
    if (fence === null) open?.lines.push(line);
    else if (open === undefined) open = { line: index + 1, info: (fence[1] ?? '').trim(), lines: [] };
    else {
      blocks.push({ page, line: open.line, ...parseInfo(open.info), text: open.lines.join('\n') });
      open = undefined;
    }
  });
  if (open !== undefined) throw new Error(`${page}: the block of line ${open.line} has no end`);
  return blocks;
}

/** `docs/errors.md:17`. */
export function placeOf({ page, line }: Block): string {
  return `${page}:${line}`;
}

export function readPage(page: string): string {
  return readFileSync(`${repository}/${page}`, 'utf8');
}

/** The rows of all tables of a text whose first column's title is `title`, each as its cells. */
export function tableRows(text: string, title: string): string[][] {
  const rows: string[][] = [];
  let inside = false;
  for (const line of text.split('\n')) {
    if (!line.startsWith('|')) {
      inside = false;
      continue;
    }
    const cells = line
      .slice(1, -1)
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim());
    if (cells[0] === title) inside = true;
    else if (inside && !/^[-: ]+$/.test(cells[0] ?? '')) rows.push(cells);
  }
  return rows;
}

/** The `code` words of a cell. */
export function codesOf(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '');
}

function parseInfo(info: string): Pick<Block, 'language' | 'marks'> {
  const [language = '', ...words] = info.split(/\s+/);
  const marks = Object.fromEntries(words.map((word) => [word.split('=', 1)[0] ?? '', word.split('=', 2)[1] ?? '']));
  return { language, marks };
}

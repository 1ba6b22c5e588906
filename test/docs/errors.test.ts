import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import type { SocketName } from '../lab/keymount.ts';
import { requires } from '../lab/tools.ts';
import { type ErrorsLab, startErrorsLab } from './errors-lab.ts';
import { type Block, blocksOf, placeOf, readPage, repository } from './page.ts';
import { situations } from './situations.ts';

// UPDATE_DOCS=1 writes the texts of today into the page; look at the difference before you keep it.

const page = 'docs/errors.md';
const blocks = blocksOf(page);
const texts = blocks.filter(({ marks }) => marks['error'] !== undefined);
const idOf = ({ marks }: Block) => marks['error'] ?? '';
const classOf = (id: string) => blocks.find(({ marks }) => marks['class'] === id);

/** Lines of the page have their usual length; what keymount says is one line. */
const folded = (text: string) => text.replace(/\s+/g, ' ').trim();

describe('docs/errors.md', requires('bao', 'fakekube'), () => {
  let lab: ErrorsLab;
  const now = new Map<string, string>();

  before(async () => {
    lab = await startErrorsLab();
  });
  after(async () => {
    await lab.close();
    if (process.env['UPDATE_DOCS'] && now.size > 0) writeTexts(now);
  });

  for (const block of texts) {
    it(`says what keymount says: ${idOf(block)}`, async () => {
      const text = await make(idOf(block), lab);
      now.set(idOf(block), text);
      if (!process.env['UPDATE_DOCS']) assert.equal(folded(text), folded(block.text), placeOf(block));
    });
  }

  it('shows every text of the tests, each once', () => {
    const classes = blocks.filter(({ marks }) => marks['class'] !== undefined).map(({ marks }) => marks['class'] ?? '');
    assert.deepEqual(texts.map(idOf).sort(), [...Object.keys(situations), ...classes].sort());
  });
});

/** A text whose class stands on the page is made by mounting that class. */
async function make(id: string, lab: ErrorsLab): Promise<string> {
  const block = classOf(id);
  if (block === undefined) return (await situations[id]?.(lab)) ?? assert.fail(`nothing makes the text ${id}`);
  const provider = (block.marks['provider'] ?? 'vault') as SocketName;
  return await lab.told({ provider, parameters: parse(block.text) });
}

function writeTexts(now: ReadonlyMap<string, string>): void {
  const text = readPage(page).replace(/^(```text error=(\S+)\n).*?(?=^```$)/gms, (whole, fence: string, id: string) => {
    const said = now.get(id);
    return said === undefined ? whole : `${fence}${said.split('\n').map(wrap).join('\n')}\n`;
  });
  writeFileSync(`${repository}/${page}`, text);
}

function wrap(text: string): string {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > 120) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines.join('\n');
}

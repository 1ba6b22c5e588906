import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { requires } from '../lab/tools.ts';
import { readPage, repository } from './page.ts';
import { type Pair, TlsLab } from './tls-lab.ts';
import type { Row } from './tls-orders.ts';
import { trustRows } from './tls-trust-rows.ts';
import { wayRows } from './tls-way-rows.ts';

// UPDATE_DOCS=1 writes the table of today into the page; look at the difference before you keep it.

const rows: readonly Row[] = [...trustRows, ...wayRows];
const page = 'docs/tls.md';
const begin = '<!-- the table is written by test/docs/tls.test.ts -->\n';
const end = '<!-- end of the table -->';

describe(page, requires('goclient'), () => {
  const lab = new TlsLab();
  const found = new Map<Row, Pair>();

  after(() => {
    lab.close();
    if (process.env['UPDATE_DOCS'] && found.size === rows.length) write(tableOf(found));
  });

  for (const row of rows) {
    it(`${row.topic}: ${row.what}`, async () => {
      const pair = await lab.both(await row.order(lab));
      found.set(row, pair);
      if (process.env['UPDATE_DOCS']) return;
      assert.ok(readPage(page).includes(lineOf(row, pair)), `the page lacks ${lineOf(row, pair)}`);
      if (pair.go !== pair.ours) assert.ok(row.why, 'why it differs stands in the row');
    });
  }

  it('has these rows and no others, in this order', () => {
    if (process.env['UPDATE_DOCS']) return;
    const text = readPage(page);
    assert.equal(text.slice(text.indexOf(begin) + begin.length, text.indexOf(end)).trim(), tableOf(found).trim());
  });
});

function lineOf({ topic, what, why = '' }: Row, { go, ours }: Pair): string {
  return `| ${topic} | ${what} | ${go} | ${ours} | ${go === ours ? '' : why} |`;
}

function tableOf(found: ReadonlyMap<Row, Pair>): string {
  const lines = [...found].map(([row, pair]) => lineOf(row, pair));
  return ['| what | the case | Go | keymount | why |', '| --- | --- | --- | --- | --- |', ...lines].join('\n');
}

function write(table: string): void {
  const text = readPage(page);
  const [before, rest] = [text.slice(0, text.indexOf(begin) + begin.length), text.slice(text.indexOf(end))];
  writeFileSync(`${repository}/${page}`, `${before}\n${table}\n\n${rest}`);
}

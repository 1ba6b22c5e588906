import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Code, catalogue } from '../../provider/errors.ts';
import { readPage, tableRows } from '../docs/page.ts';

const codes = Object.keys(catalogue) as Code[];

/** The rows of the table in docs/errors.md by their first cell. */
const rows = tableRows(readPage('docs/errors.md'), 'code');

describe('the catalogue of errors', () => {
  it('is in docs/errors.md, code by code and in its order', () => {
    assert.deepEqual(
      rows.map(([code]) => code),
      codes.map((code) => `\`${code}\``),
    );
  });

  for (const code of codes) {
    it(`says of ${code} there what it says here, and what to do`, () => {
      const { status, retryable, about } = catalogue[code];
      const [, ...cells] = rows.find(([first]) => first === `\`${code}\``) ?? assert.fail('it has no row');
      const [shownStatus, again, meaning, advice] = cells;
      assert.deepEqual([shownStatus, again, meaning], [`\`${status}\``, retryable ? 'yes' : 'no', about]);
      assert.match(advice ?? '', /\w.*\.$/);
    });
  }

  it('gives UNAVAILABLE only to what a repeat within seconds can help', () => {
    const repeated = codes.filter((code) => catalogue[code].status === 'UNAVAILABLE');
    assert.ok(repeated.length > 0 && repeated.every((code) => catalogue[code].retryable));
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Code, catalogue, formatError, KeymountError } from '../../../provider/errors.ts';
import { formatProblem } from '../../../provider/plan/problems.ts';
import { loggable } from '../../../provider/telemetry/loggable.ts';
import { unseenIn, unseenProblem, visible } from '../../../provider/util/visible.ts';

const characters = [
  '\u200b',
  '\u00a0',
  '\ufeff',
  '\u200f',
  '\u202e',
  '\u00ad',
  '\u2009',
  '\u3000',
  '\u2028',
  '\u{e0041}',
];

describe('a character that nobody sees', () => {
  for (const character of characters) {
    const code = `U+${character.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}`;
    it(`is written out: ${code}`, () => {
      assert.equal(visible(`db${character}`), `db<${code}>`);
      assert.deepEqual(unseenIn(`${character}a${character}`), [code]);
      assert.equal(unseenProblem(`a${character}`), `contains an invisible character (${code})`);
    });
  }

  it('is none of what people write and see', () => {
    for (const text of ['', 'a b-c_d.e/f', 'Müller', '数据库', 'пароль', '\u{1f511}', '<U+200B>']) {
      assert.equal(visible(text), text);
      assert.equal(unseenProblem(text), undefined);
    }
  });

  it('is in no text of a visible one', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => assert.deepEqual(unseenIn(visible(text)), [])));
  });

  for (const code of Object.keys(catalogue) as Code[]) {
    it(`is named in an error, its reason and its place: ${code}`, () => {
      const at = { path: 'objects[0]', name: 'db\u200b' };
      const facts = { at, reason: 'no such thing as a\u00a0b', hint: 'look at \ufeff' };
      const text = formatError(new KeymountError(code, 'there is no db\u200b', facts));
      assert.match(text, /^objects\[0\] "db<U\+200B>": there is no db<U\+200B>: no such thing as a<U\+00A0>b /);
      assert.match(text, /\(it contains invisible characters \(U\+200B, U\+00A0\)\); look at <U\+FEFF> \[/);
    });
  }

  it('makes no line of the log longer than another text does', () => {
    for (const text of ['\u200b'.repeat(8_000_000), 'x'.repeat(8_000_000)])
      assert.ok(String(loggable(text)).length <= 1_030, `${String(loggable(text)).length}`);
  });

  it('is named in a problem of a class, and seen in the log', () => {
    assert.equal(
      formatProblem({ at: { path: 'objects[0]', name: 'a\u00a0' }, message: 'is wrong' }),
      'objects[0] "a<U+00A0>": is wrong (it contains an invisible character (U+00A0))',
    );
    assert.deepEqual(loggable(['web\u200b']), ['web<U+200B>']);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { didYouMean, editDistance, nearest } from '../../../provider/util/nearest.ts';

const names = ['objectName', 'secretPath', 'secretKey', 'method', 'encoding', 'filePermission', 'mode', 'key', 'id'];

describe('the nearest name', () => {
  const near: readonly [string, string][] = [
    ['objectname', 'objectName'],
    ['object_name', 'objectName'],
    ['secretPaht', 'secretPath'],
    ['SECRETKEY', 'secretKey'],
    ['methods', 'method'],
    ['filePermissions', 'filePermission'],
    ['kye', 'key'],
    ['mod', 'mode'],
    ['ID', 'id'],
  ];
  for (const [name, valid] of near) it(`of ${name} is ${valid}`, () => assert.equal(nearest(name, names), valid));

  for (const name of ['', 'x', 'ix', 'content', 'password', 'template', 'constructor', '__proto__', 'vault']) {
    it(`of ${JSON.stringify(name)} is none`, () => assert.equal(nearest(name, names), undefined));
  }

  it('of a known mistake is what was meant, in any case, before any distance', () => {
    const mistakes = { content: 'encoding', methods: 'mode' };
    assert.equal(nearest('Content', names, mistakes), 'encoding');
    assert.equal(nearest('methods', names, mistakes), 'mode');
  });

  it('of a name that objects inherit is not taken from the mistakes', () => {
    assert.equal(nearest('toString', names, {}), undefined);
  });

  it('of equally near names is the first', () => {
    assert.equal(nearest('caab', ['caaa', 'caac']), 'caaa');
    assert.equal(nearest('caab', ['caac', 'caaa']), 'caac');
  });

  it('of a very long name is none, at once', () => {
    const long = 'a'.repeat(200_000);
    assert.equal(nearest(long, [long]), undefined);
  });

  it('is one of the valid names or none', () => {
    fc.assert(
      fc.property(fc.string(), fc.array(fc.string()), (name, valid) => {
        const found = nearest(name, valid);
        assert.ok(found === undefined || valid.includes(found));
      }),
    );
  });

  it('of a long name with one letter mistyped is that name', () => {
    const letter = fc.constantFrom(...'abcdefghij');
    fc.assert(
      fc.property(fc.array(letter, { minLength: 4, maxLength: 30 }), fc.nat(), letter, (letters, place, typed) => {
        const at = place % letters.length;
        assert.equal(nearest(letters.with(at, typed).join(''), [letters.join('')]), letters.join(''));
      }),
    );
  });

  it('ends a message only where there is one', () => {
    assert.equal(didYouMean('mthod', names), '; did you mean method?');
    assert.equal(didYouMean('zzzzzz', names), '');
  });
});

describe('the edit distance', () => {
  it('counts insertions, deletions, replacements and swaps of neighbours as one each', () => {
    const pairs = [
      ['', ''],
      ['', 'abc'],
      ['abc', 'abxc'],
      ['abc', 'ac'],
      ['abc', 'axc'],
      ['abc', 'acb'],
      ['kitten', 'sitting'],
    ] as const;
    assert.deepEqual(
      pairs.map(([a, b]) => editDistance(a, b)),
      [0, 3, 1, 1, 1, 1, 3],
    );
  });

  it('is the same both ways, zero only between equals, and never above the longer length', () => {
    const text = fc.string({ maxLength: 12, unit: fc.constantFrom('a', 'b', 'c') });
    fc.assert(
      fc.property(text, text, (a, b) => {
        const distance = editDistance(a, b);
        assert.equal(distance, editDistance(b, a));
        assert.equal(distance === 0, a === b);
        assert.ok(distance <= Math.max(a.length, b.length));
        assert.ok(distance >= Math.abs(a.length - b.length));
      }),
    );
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isJsonObject, isRawNumber, ownKey, parseJson, rawNumber, toInteger } from '../../../provider/util/json.ts';

describe('JSON', () => {
  it('keeps the digits of its numbers', () => {
    const text = '{"id":12345678901234567890,"price":1.10,"big":1e5,"zero":-0.0,"list":[1.0,2]}';
    assert.equal(JSON.stringify(parseJson(text)), text);
  });

  it('is what the language reads, for anything that it writes', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        assert.deepEqual(JSON.parse(JSON.stringify(parseJson(text))), JSON.parse(text));
      }),
    );
  });

  it('takes __proto__ and constructor as keys like any other', () => {
    const value = parseJson('{"__proto__":{"admin":true},"constructor":"x"}');
    assert.ok(isJsonObject(value));
    assert.deepEqual(Object.keys(value), ['__proto__', 'constructor']);
    assert.equal(Object.getPrototypeOf(value), Object.prototype);
    assert.equal(ownKey(value, 'constructor'), 'x');
    assert.equal(ownKey(value, 'toString'), undefined);
  });

  it('is refused below 256 levels and taken at 256, with brackets in texts not counted', () => {
    assert.doesNotThrow(() => parseJson(`${'['.repeat(256)}${']'.repeat(256)}`));
    assert.throws(() => parseJson(`${'['.repeat(257)}${']'.repeat(257)}`), /deeper than 256/);
    assert.throws(() => parseJson('{"a":'.repeat(100_000)), SyntaxError);
    assert.doesNotThrow(() => parseJson(JSON.stringify(`\\"${'[{'.repeat(1000)}`)));
  });

  for (const text of ['', '{', '{"a":}', '[1,]', "{'a':1}", 'NaN', '01', '1 2']) {
    it(`is refused where it is none: ${JSON.stringify(text)}`, () => assert.throws(() => parseJson(text), SyntaxError));
  }
});

describe('a JSON value', () => {
  it('is an object only if it is one', () => {
    assert.deepEqual([{}, null, [], 'x', true, rawNumber('1'), undefined].map(isJsonObject), [
      true,
      false,
      false,
      false,
      false,
      false,
      false,
    ]);
  });

  it('that looks like a raw number is none', () => {
    assert.equal(isRawNumber(parseJson('{"rawJSON":"1"}')), false);
    assert.equal(isRawNumber(parseJson('1')), true);
  });

  it('is an integer if it is whole and safe', () => {
    const texts = ['0', '-7', '1.0', '1e3', '1.5', '9007199254740992', '1e400', '"1"', 'true', 'null'];
    assert.deepEqual(
      texts.map((text) => toInteger(parseJson(text))),
      [0, -7, 1, 1000, undefined, undefined, undefined, undefined, undefined, undefined],
    );
    assert.equal(toInteger(undefined), undefined);
  });
});

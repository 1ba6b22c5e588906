import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { KeymountError } from '../../../provider/errors.ts';
import { decode } from '../../../provider/render/decode.ts';
import type { Encoding } from '../../../provider/render/encoding.ts';

interface Golden {
  encodings: Record<
    Exclude<Encoding, 'utf-8'>,
    { alphabet: string; longest: number; accepted: Record<string, string> }
  >;
}
const golden = JSON.parse(readFileSync(new URL('golden/golden.json', import.meta.url), 'utf8')) as Golden;

/** The bytes in hex, or undefined where the text was refused as `value-invalid`. */
function decoded(text: string, encoding: Encoding): string | undefined {
  try {
    return Buffer.from(decode(text, encoding)).toString('hex');
  } catch (error) {
    assert.ok(error instanceof KeymountError);
    assert.equal(error.code, 'value-invalid');
    return undefined;
  }
}

function textsOver(alphabet: string, longest: number): string[] {
  const all = [''];
  for (let from = 0, length = 1; length <= longest; length++) {
    const shorter = all.slice(from);
    from = all.length;
    for (const text of shorter) for (const character of alphabet) all.push(text + character);
  }
  return all;
}

describe('decoding', () => {
  for (const encoding of ['base64', 'base64url', 'hex'] as const) {
    const { alphabet, longest, accepted } = golden.encodings[encoding];
    it(`takes of all short ${encoding} texts exactly those that Go takes, and gives the same bytes`, () => {
      const texts = textsOver(alphabet, longest);
      assert.ok(Object.keys(accepted).every((text) => texts.includes(text)));
      for (const text of texts) assert.equal(decoded(text, encoding), accepted[text], JSON.stringify(text));
    });
  }

  const refused: [string, Encoding, string][] = [
    ['a space', 'base64', 'QU JD'],
    ['a tab', 'base64', 'QUJD\t'],
    ['the alphabet of URLs in standard base64', 'base64', '-_-_'],
    ['the standard alphabet in base64url', 'base64url', '+/+/'],
    ['missing padding', 'base64', 'QUI'],
    ['a second padded group', 'base64', 'QQ==QQ=='],
    ['text after the padding', 'base64', 'QQ==x'],
    ['a character beyond ASCII', 'base64', 'QUJé'],
    ['a NUL', 'base64', 'QUJD\0'],
    ['an odd number of digits', 'hex', 'abc'],
    ['a prefix', 'hex', '0xab'],
    ['separators', 'hex', 'ab:cd'],
    ['a final line end', 'hex', 'abcd\n'],
  ];
  for (const [what, encoding, text] of refused) {
    it(`refuses ${what} in ${encoding}`, () => assert.equal(decoded(text, encoding), undefined));
  }

  it('takes base64 that is broken into lines', () => {
    assert.equal(decoded('aGVsbG8g\r\nd29ybGQ=\r\n', 'base64'), Buffer.from('hello world').toString('hex'));
  });

  it('takes a JWT part as base64url, which has no padding', () => {
    assert.equal(decoded('eyJhIjoi_-8ifQ', 'base64url'), Buffer.from('eyJhIjoi/+8ifQ==', 'base64').toString('hex'));
  });

  it('takes hex digits in any case', () => assert.equal(decoded('DEADbeef', 'hex'), 'deadbeef'));

  it('takes megabytes', () => {
    assert.equal(decode('ab'.repeat(2 ** 21), 'hex').length, 2 ** 21);
    assert.equal(decode('QUJD'.repeat(2 ** 20), 'base64').length, 3 * 2 ** 20);
  });

  it('never shows the value', () => {
    for (const encoding of ['base64', 'base64url', 'hex'] as const) {
      assert.throws(
        () => decode('hunter2 is not encoded', encoding),
        (error: KeymountError) => !JSON.stringify([error.message, error.reason, error.hint]).includes('hunter2'),
      );
    }
  });
});

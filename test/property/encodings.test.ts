import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { KeymountError } from '../../provider/errors.ts';
import { decode } from '../../provider/render/decode.ts';
import type { Encoding } from '../../provider/render/encoding.ts';

const encodings = ['base64', 'base64url', 'hex'] as const;
type Decoded = (typeof encodings)[number];

const alphabets: Record<Decoded, string> = {
  base64: 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/',
  base64url: 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_',
  hex: '0123456789abcdef',
};

const encoding = fc.constantFrom(...encodings);
const bytes = fc.uint8Array({ maxLength: 200 });
const encode = (data: Uint8Array, as: Decoded) => Buffer.from(data).toString(as);

function decoded(text: string, as: Encoding): Buffer | undefined {
  try {
    return Buffer.from(decode(text, as));
  } catch (error) {
    assert.ok(error instanceof KeymountError && error.code === 'value-invalid');
    return undefined;
  }
}

describe('a decoder', () => {
  it('gives back what was encoded', () => {
    fc.assert(
      fc.property(bytes, encoding, (data, as) => assert.deepEqual(decoded(encode(data, as), as), Buffer.from(data))),
    );
  });

  it('takes base64 with its lines broken anywhere', () => {
    fc.assert(
      fc.property(bytes, fc.array(fc.nat()), fc.constantFrom('\n', '\r\n'), (data, cuts, end) => {
        let text = encode(data, 'base64');
        for (const cut of cuts)
          text = text.slice(0, cut % (text.length + 1)) + end + text.slice(cut % (text.length + 1));
        assert.deepEqual(decoded(text, 'base64'), Buffer.from(data));
      }),
    );
  });

  it('takes base64url with its padding and without', () => {
    fc.assert(
      fc.property(bytes, (data) => {
        const text = encode(data, 'base64url');
        assert.deepEqual(decoded(text.padEnd(Math.ceil(text.length / 4) * 4, '='), 'base64url'), Buffer.from(data));
      }),
    );
  });

  it('never decodes half of a text: what it takes has as many bytes as its digits say', () => {
    const digit = fc.constantFrom(...alphabets.base64, '-', '_', '=', '\n', ' ', 'é', '\0', '.');
    fc.assert(
      fc.property(fc.array(digit, { maxLength: 40 }), encoding, (digits, as) => {
        const text = digits.join('');
        const result = decoded(text, as);
        fc.pre(result !== undefined);
        const held = text.replace(/[\r\n=]/g, '').length;
        assert.equal(result.length, as === 'hex' ? held / 2 : Math.floor((held * 3) / 4));
        const again = encode(result, as).replace(/=/g, '');
        // Bits that no byte takes may have been set; all others come back.
        const told = text.replace(/[\r\n=]/g, '');
        assert.equal(again.slice(0, -1), (as === 'hex' ? told.toLowerCase() : told).slice(0, -1));
      }),
      { numRuns: 3000 },
    );
  });

  it('refuses a text with one foreign character in it, wherever that is', () => {
    const foreign = fc.string({ unit: 'binary', minLength: 1, maxLength: 1 });
    fc.assert(
      fc.property(bytes, encoding, foreign, fc.nat(), (data, as, character, where) => {
        const known =
          alphabets[as].includes(character) || '=\r\n'.includes(character) || (as === 'hex' && /[A-F]/.test(character));
        fc.pre(!known);
        const text = encode(data, as);
        const at = where % (text.length + 1);
        assert.equal(decoded(text.slice(0, at) + character + text.slice(at), as), undefined);
      }),
      { numRuns: 2000 },
    );
  });

  it('refuses a text that was cut off within a group', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 50 }),
        fc.constantFrom('base64', 'hex'),
        fc.nat(),
        (data, as, cut) => {
          const text = encode(data, as as Decoded);
          const end = cut % text.length;
          fc.pre(end % (as === 'hex' ? 2 : 4) !== 0);
          assert.equal(decoded(text.slice(0, end), as as Decoded), undefined);
        },
      ),
    );
  });

  it('of utf-8 is the bytes of the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => assert.equal(decoded(text, 'utf-8')?.toString(), text)),
    );
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseKeys } from '../../../../provider/backends/file/parse.ts';
import { KeymountError } from '../../../../provider/errors.ts';

const keys = (text: string, format: 'yaml' | 'json' = 'yaml') =>
  parseKeys(Buffer.from(text), format, `shop/db.${format}`);

const messageOf = (text: string | Uint8Array, format: 'yaml' | 'json' = 'yaml'): string => {
  try {
    parseKeys(Buffer.from(text), format, `shop/db.${format}`);
  } catch (error) {
    assert.ok(error instanceof KeymountError);
    assert.equal(error.code, 'backend-reply-invalid');
    assert.equal(error.cause, undefined);
    return error.message;
  }
  return assert.fail('it was parsed');
};

describe('keys of a YAML file', () => {
  it('keeps every scalar as it is written', () => {
    const text =
      'mode: 0644\nflag: no\nversion: 1.10\nid: 12345678901234567890\nnull: ~\nnone:\nquoted: "a\\tb"\ndate: 2026-01-02\n';
    assert.deepEqual(keys(text), {
      mode: '0644',
      flag: 'no',
      version: '1.10',
      id: '12345678901234567890',
      null: '~',
      none: '',
      quoted: 'a\tb',
      date: '2026-01-02',
    });
  });

  it('keeps maps and lists as values whose scalars are text', () => {
    assert.deepEqual(keys('pool: {max: 010, tls: yes}\nhosts: [a, 1.0]\n'), {
      pool: { max: '010', tls: 'yes' },
      hosts: ['a', '1.0'],
    });
  });

  it('understands anchors and merge keys', () => {
    assert.deepEqual(keys('base: &b {user: shop, port: 1}\nprod:\n  <<: *b\n  port: 2\n'), {
      base: { user: 'shop', port: '1' },
      prod: { user: 'shop', port: '2' },
    });
  });

  it('takes __proto__ and constructor as keys like any other', () => {
    const found = keys('__proto__: a\nconstructor: b\n');
    assert.deepEqual(Object.entries(found), [
      ['__proto__', 'a'],
      ['constructor', 'b'],
    ]);
    assert.equal(Object.getPrototypeOf(found), Object.prototype);
  });

  it('takes an empty map', () => assert.deepEqual(keys('{}'), {}));

  it('reads a file with a byte order mark and Windows line ends', () => {
    assert.deepEqual(keys('\ufeffa: 1\r\nb: 2\r\n'), { a: '1', b: '2' });
  });

  it('returns any text that was quoted, unchanged', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        assert.equal(keys(`value: ${JSON.stringify(text)}\n`)['value'], text);
      }),
    );
  });

  const refused: [name: string, text: string, message: string][] = [
    ['a list at the top', '- a\n', 'shop/db.yaml in the file store is not a YAML map at its top'],
    ['one text', 'hunter2\n', 'shop/db.yaml in the file store is not a YAML map at its top'],
    ['an empty file', '', 'shop/db.yaml in the file store is not a YAML map at its top'],
    ['a key twice', 'a: hunter2\nb: 1\na: 2\n', 'shop/db.yaml in the file store has the same key twice, line 3'],
    ['a nested key twice', 'a:\n  b: 1\n  b: 2\n', 'shop/db.yaml in the file store has the same key twice, line 3'],
    ['two documents', 'a: 1\n---\nb: 2\n', 'shop/db.yaml in the file store holds more than one YAML document, line 2'],
    [
      'a tag',
      'a: 1\nb: !!binary aHVudGVyMg==\n',
      'shop/db.yaml in the file store has a tag; in the store every scalar is text, line 2',
    ],
    [
      'a tagged map',
      'a: !!set {hunter2}\n',
      'shop/db.yaml in the file store has a tag; in the store every scalar is text, line 1',
    ],
    ['an unclosed map', 'a: 1\nb: {c: hunter2', 'shop/db.yaml in the file store is not YAML (bad indent), line 2'],
    [
      'a map as a key',
      '? {hunter2: x}\n: y\n',
      'shop/db.yaml in the file store has a key that is no text, an alias without its anchor, or too many aliases',
    ],
    [
      'an alias without its anchor',
      'a: *hunter2\n',
      'shop/db.yaml in the file store has a key that is no text, an alias without its anchor, or too many aliases',
    ],
  ];
  for (const [name, text, message] of refused) {
    it(`refuses ${name} without showing what is in it`, () => assert.equal(messageOf(text), message));
  }

  it('refuses aliases that would grow without end', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x]'];
    for (let i = 1; i < 9; i++)
      lines.push(
        `a${i}: &a${i} [${Array(9)
          .fill(`*a${i - 1}`)
          .join(', ')}]`,
      );
    assert.match(messageOf(lines.join('\n')), /too many aliases$/);
  });

  it('refuses nesting that would exhaust the stack', () => {
    assert.match(messageOf(`a: ${'['.repeat(100_000)}`), /is not YAML/);
  });

  it('reads 1 MiB of keys within a few seconds', () => {
    const text = Array.from({ length: 60_000 }, (_, i) => `key-${i}: ${i}`).join('\n');
    assert.equal(Object.keys(keys(text)).length, 60_000);
  });

  it('refuses bytes that are no UTF-8', () => {
    assert.equal(messageOf(Uint8Array.of(0x61, 0x3a, 0x20, 0xff)), 'shop/db.yaml in the file store is not UTF-8 text');
  });

  it('gives out values that nobody can change', () => {
    const found = keys('a: {b: [c]}\n') as { a: { b: string[] } };
    assert.throws(() => found.a.b.push('d'), TypeError);
  });
});

describe('keys of a JSON file', () => {
  it('keeps the digits of numbers', () => {
    const found = keys('{"a": 1.0, "b": 12345678901234567890, "c": {"d": 1e5}, "e": null}', 'json');
    assert.equal(JSON.stringify(found), '{"a":1.0,"b":12345678901234567890,"c":{"d":1e5},"e":null}');
  });

  it('refuses text that is no JSON without showing it', () => {
    assert.equal(messageOf('{"a": hunter2}', 'json'), 'shop/db.json in the file store is not JSON');
  });

  it('refuses a list at the top', () => {
    assert.equal(messageOf('[1]', 'json'), 'shop/db.json in the file store is not a JSON object at its top');
  });
});

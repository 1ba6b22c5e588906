import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KeymountError } from '../../../provider/errors.ts';
import { type Content, selectBytes } from '../../../provider/render/select.ts';

const content = (text: string): Content => ({ bytes: Buffer.from(text) });
const take = (text: string, textKey: string, of: 'json' | 'yaml') =>
  Buffer.from(selectBytes(content(text), { textKey, of }, 'utf-8')).toString();
const failure = (text: string, textKey: string, of: 'json' | 'yaml'): string => {
  try {
    take(text, textKey, of);
  } catch (error) {
    assert.ok(error instanceof KeymountError);
    return `${error.message} [${error.code}]`;
  }
  return assert.fail('it was taken');
};

describe('a key of a JSON text', () => {
  const json =
    '{"user":"u","empty":"","sp ace":" v ","ключ":"znač","n":5,"b":true,"z":null,"o":{"a":1},"l":[1],"a.b":"dot"}';

  it('is a text of the top level, its name taken literally', () => {
    const expected = { user: 'u', empty: '', 'sp ace': ' v ', ключ: 'znač', 'a.b': 'dot' };
    for (const [key, value] of Object.entries(expected)) assert.equal(take(json, key, 'json'), value);
  });

  it('is no number, boolean, null, object or list', () => {
    for (const key of ['n', 'b', 'z', 'o', 'l']) {
      assert.match(failure(json, key, 'json'), /unsupported value type for key .* \[value-invalid\]/, key);
    }
  });

  it('must be there', () => {
    for (const key of ['nope', 'constructor', '__proto__', 'User']) {
      assert.match(failure(json, key, 'json'), /^key ".*" not found in JSON \[key-missing\]$/);
    }
    assert.match(failure('null', 'a', 'json'), /\[key-missing\]/);
  });

  it('needs a JSON object, and shows nothing of what it finds', () => {
    for (const text of ['{not json', '', '[1]', '"secret"', 'secret']) {
      const error = failure(text, 'a', 'json');
      assert.match(error, /not a JSON object.*\[value-invalid\]/);
      assert.doesNotMatch(error, /secret[^ ]|secret$/);
    }
  });
});

describe('a key of a YAML text', () => {
  const yaml =
    "user: yu\nempty: ''\nn: 5\nquoted: '5'\nb: true\nyes: no\nz: null\nl: [1]\nblock: |\n  two\n  lines\nwhen: 2026-01-02\ntagged: !!str 5\n";

  it('is a text of the top level', () => {
    const expected = { user: 'yu', empty: '', quoted: '5', yes: 'no', block: 'two\nlines\n', tagged: '5' };
    for (const [key, value] of Object.entries(expected)) assert.equal(take(yaml, key, 'yaml'), value, key);
    assert.equal(take('{"json": "too"}', 'json', 'yaml'), 'too');
    assert.equal(take('a: &x text\nb: *x\n', 'b', 'yaml'), 'text');
  });

  it('is nothing that yaml.v3 gives another type', () => {
    for (const key of ['n', 'b', 'z', 'l', 'when']) {
      assert.match(failure(yaml, key, 'yaml'), /unsupported value type/, key);
    }
    for (const value of ['0644', '1.5', '0x1f', '-3', '1e3', '.inf', '~', '', '1_000']) {
      assert.match(failure(`k: ${value}`, 'k', 'yaml'), /unsupported value type/, value);
    }
    for (const value of ['1.2.3', '12:30', 'x5', '5 apples']) assert.equal(take(`k: ${value}`, 'k', 'yaml'), value);
  });

  it('must be there, also in an empty document', () => {
    assert.match(failure(yaml, 'nope', 'yaml'), /not found in YAML \[key-missing\]/);
    for (const text of ['', '# nothing\n', '---\n']) assert.match(failure(text, 'a', 'yaml'), /\[key-missing\]/);
  });

  it('needs one YAML mapping', () => {
    for (const text of ['- a', 'text', 'a: b: c', 'a: 1\na: 2', '{', '\ta: b']) {
      assert.match(failure(text, 'a', 'yaml'), /not a YAML object.*\[value-invalid\]/, text);
    }
  });

  it('is refused in texts that would keep the process busy', () => {
    const started = performance.now();
    for (const text of [
      '['.repeat(100_000),
      '- '.repeat(100_000),
      '{a: '.repeat(50_000),
      'a: &a [*a, *a]\n'.repeat(9_000),
    ]) {
      assert.match(failure(text, 'a', 'yaml'), /not a YAML object/);
    }
    assert.ok(performance.now() - started < 5_000);
  });
});

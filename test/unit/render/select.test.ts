import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatError, KeymountError } from '../../../provider/errors.ts';
import { type Content, type Selection, selectBytes } from '../../../provider/render/select.ts';
import { type JsonObject, parseJson } from '../../../provider/util/json.ts';

const keys = (text: string): Content => ({ keys: parseJson(text) as JsonObject });

const text = (content: Content, selection: Selection, encoding: 'utf-8' | 'base64' = 'utf-8') =>
  Buffer.from(selectBytes(content, selection, encoding)).toString();

function failure(content: Content, selection: Selection, encoding: 'utf-8' | 'base64' = 'utf-8'): KeymountError {
  try {
    selectBytes(content, selection, encoding);
  } catch (error) {
    assert.ok(error instanceof KeymountError);
    return error;
  }
  return assert.fail('it was selected');
}

describe('the bytes of a file', () => {
  const written: [string, string, string][] = [
    ['a text as it is', '{"k":"a<b>\\n"}', 'a<b>\n'],
    ['an empty text as an empty file', '{"k":""}', ''],
    ['a number with its digits', '{"k":12345678901234567890}', '12345678901234567890'],
    ['a decimal with its digits', '{"k":1.10}', '1.10'],
    ['a boolean', '{"k":false}', 'false'],
    ['an object as sorted JSON', '{"k":{"b":1,"a":"<"}}', '{"a":"\\u003c","b":1}'],
    ['a list as JSON', '{"k":[1,"x",null]}', '[1,"x",null]'],
  ];
  for (const [what, json, expected] of written) {
    it(`are ${what}`, () => assert.equal(text(keys(json), { key: 'k' }), expected));
  }

  for (const key of ['__proto__', 'constructor', 'toString', '']) {
    it(`of the key ${JSON.stringify(key)} are its own value`, () => {
      assert.equal(text(keys(`{${JSON.stringify(key)}:"own"}`), { key }), 'own');
    });
    it(`are missing where only every object's prototype has ${JSON.stringify(key)}`, () => {
      assert.equal(failure(keys('{"other":"x"}'), { key }).code, 'key-missing');
    });
  }

  it('take a key with dots and slashes literally', () => {
    assert.equal(text(keys('{"a":{"b":"nested"},"a.b":"literal"}'), { key: 'a.b' }), 'literal');
  });

  it('of a whole secret are its keys as JSON', () => {
    assert.equal(text(keys('{"b":2,"a":1}'), { whole: 'keys' }), '{"a":1,"b":2}');
  });

  it('of a whole reply keep the order of its top level', () => {
    const reply = parseJson('{"request_id":"","data":{"b":1,"a":2}}') as JsonObject;
    assert.equal(text({ keys: {}, reply }, { whole: 'reply' }), '{"request_id":"","data":{"a":2,"b":1}}');
  });

  it('of a secret without keys are the bytes, whatever they are', () => {
    const bytes = Uint8Array.of(0, 0xff, 0xfe, 0x80);
    assert.deepEqual(selectBytes({ bytes }, { whole: 'keys' }, 'utf-8'), bytes);
  });

  it('of an encoded secret without keys are decoded, without the line end of the file that held it', () => {
    assert.equal(text({ bytes: Buffer.from('aGVsbG8=\n') }, { whole: 'keys' }, 'base64'), 'hello');
  });

  it('are an error where the key holds null: no file could mean that', () => {
    const error = failure(keys('{"k":null}'), { key: 'k' });
    assert.equal(error.code, 'key-missing');
    assert.match(error.message, /holds null/);
  });

  it('are an error where a secret with keys is to be decoded as a whole', () => {
    assert.equal(failure(keys('{"k":"aGk="}'), { whole: 'keys' }, 'base64').code, 'value-invalid');
  });

  it('are an error where a text without keys is asked for a key', () => {
    assert.equal(failure({ bytes: Buffer.from('x') }, { key: 'k' }).code, 'key-missing');
  });
});

describe('a text that is JSON', () => {
  it('is searched without the byte order mark of an editor', () => {
    const bytes = Buffer.from('\ufeff{"u":"x"}');
    assert.equal(Buffer.from(selectBytes({ bytes }, { jmesPath: 'u' }, 'utf-8')).toString(), 'x');
  });
});

describe('the error of a missing key', () => {
  it('lists the keys that there are, sorted', () => {
    assert.match(formatError(failure(keys('{"b":1,"a":2}'), { key: 'x' })), /no key "x"; it has "a", "b"/);
  });

  it('leads to jmesPath where a dotted key means a value within a map, and to quotes where the key has the dot', () => {
    const map = keys('{"a":{"b":{"c":"x"}},"d.e":"y","f":"z"}');
    assert.match(
      formatError(failure(map, { key: 'a.b.c' })),
      /"a" is a map: write jmesPath: a\.b\.c instead of the key/,
    );
    assert.match(
      formatError(failure(map, { jmesPath: 'd.e' })),
      /"d\.e" is one key: put it in quotes within the expression/,
    );
    for (const key of ['a.x', 'f.g', 'a.', '.'])
      assert.match(formatError(failure(map, { key })), /it has "a", "d\.e", "f"/);
    assert.equal(Buffer.from(selectBytes(map, { jmesPath: 'a.b.c' }, 'utf-8')).toString(), 'x');
    assert.equal(Buffer.from(selectBytes(map, { jmesPath: '"d.e"' }, 'utf-8')).toString(), 'y');
  });

  it('points at the same key in another case', () => {
    assert.match(formatError(failure(keys('{"Password":1,"a":2}'), { key: 'password' })), /did you mean "Password"\?/);
  });

  it('says that a secret has no keys at all', () => {
    assert.match(formatError(failure(keys('{}'), { key: 'x' })), /it has no keys at all/);
  });

  it('does not list keys that are long, nor more than eight', () => {
    const many = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`k${i}`, '']));
    const shown = formatError(failure({ keys: { ...many, ['x'.repeat(2000)]: '' } }, { key: 'y' }));
    assert.match(shown, /and 23 more/);
    assert.ok(shown.length < 400);
  });

  it('says something sensible where every key is too long to show', () => {
    const shown = formatError(failure({ keys: { ['x'.repeat(2000)]: '' } }, { key: 'y' }));
    assert.match(shown, /it has 1 with a long name/);
  });

  it('never shows a value', () => {
    const content = keys('{"a":"hunter2","b":{"c":"hunter2"},"n":null}');
    for (const selection of [{ key: 'x' }, { key: 'n' }]) {
      assert.doesNotMatch(formatError(failure(content, selection)), /hunter2/);
    }
    assert.doesNotMatch(formatError(failure(content, { key: 'a' }, 'base64')), /hunter2/);
  });
});

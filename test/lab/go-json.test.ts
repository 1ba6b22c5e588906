import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { goJson } from './go-json.ts';

describe('goJson', () => {
  it('sorts keys by bytes, as Go does', () => {
    assert.equal(goJson({ b: '1', a: '2', B: '3', ä: '4' }), '{"B":"3","a":"2","b":"1","ä":"4"}');
  });

  it('sorts by UTF-8 bytes where UTF-16 would order otherwise', () => {
    const [privateUse, emoji] = ['\ue000', '\u{1f600}'];
    assert.deepEqual(Object.keys(JSON.parse(goJson({ [emoji]: '', [privateUse]: '' })) as object), [privateUse, emoji]);
  });

  it('escapes what Go escapes, and stays the same text', () => {
    const value = { a: '<b> & \u2028\u2029 "\\\n' };
    assert.equal(goJson(value), '{"a":"\\u003cb\\u003e \\u0026 \\u2028\\u2029 \\"\\\\\\n"}');
    assert.deepEqual(JSON.parse(goJson(value)), value);
  });
});

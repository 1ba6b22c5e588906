import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { goJson, goStruct } from '../../../provider/render/json.ts';
import { parseJson, rawNumber } from '../../../provider/util/json.ts';

interface Golden {
  json: { in: string; out: string }[];
}
const golden = JSON.parse(readFileSync(new URL('golden/golden.json', import.meta.url), 'utf8')) as Golden;

describe('JSON as Go writes it', () => {
  for (const { in: text, out } of golden.json) {
    it(`writes ${JSON.stringify(text)} with Go's bytes`, () => {
      // As bytes: a lone surrogate becomes U+FFFD on the way to the file, as it does in Go.
      assert.equal(Buffer.from(goJson(parseJson(text))).toString(), out);
    });
  }

  it('sorts the keys of a large object by their bytes as well, astral characters last', () => {
    const keys = ['z', '\u{1f600}', '\uffff', 'a', '\u{10000}', '\ue000', '', 'é'];
    const written = goJson(Object.fromEntries(keys.map((key) => [key, null])));
    const sorted = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    assert.equal(written, `{${sorted.map((key) => `${JSON.stringify(key)}:null`).join(',')}}`);
  });

  it('writes a number with the digits that it came with', () => {
    assert.equal(
      goJson([rawNumber('12345678901234567890'), rawNumber('1.0'), rawNumber('-0')]),
      '[12345678901234567890,1.0,-0]',
    );
  });

  it('keeps the order of the fields of a struct and sorts below it', () => {
    const text = '{"request_id":"","data":{"b":1,"a":2},"warnings":null}';
    assert.equal(goStruct(parseJson(text) as never), '{"request_id":"","data":{"a":2,"b":1},"warnings":null}');
  });
});

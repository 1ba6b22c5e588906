import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseGoBool, toBoolean, toJson } from '../../../provider/plan/scalars.ts';
import { parseYaml, type YamlScalar } from '../../../provider/plan/yaml.ts';
import { goJson } from '../../../provider/render/json.ts';
import { golden } from './a-class.ts';

/** A text as the value of an argument, as JSON; null where the text is refused. */
function argument(text: string): string | null {
  try {
    const root = parseYaml(`v: ${text}`);
    return root.kind === 'map' && root.entries[0] !== undefined ? goJson(toJson(root.entries[0].value)) : null;
  } catch {
    return null;
  }
}

describe('a scalar of an argument', () => {
  for (const { in: text, out } of golden.scalars) {
    const what = out === null ? 'is refused' : `becomes ${out}`;
    it(`written ${JSON.stringify(text)} ${what}, as with yaml.v3`, () => assert.equal(argument(text), out));
  }

  it('keeps nested maps and lists, with every key its own', () => {
    const text = '{b: [1, {c: no, __proto__: {x: 1}}], a: {constructor: 0o17}}';
    assert.equal(argument(text), '{"a":{"constructor":15},"b":[1,{"__proto__":{"x":1},"c":"no"}]}');
  });

  it('is text where it is a block, whatever it looks like', () => {
    assert.equal(argument('|-\n  0644'), '"0644"');
    assert.equal(argument('>-\n  true'), '"true"');
  });

  it('of a hundred thousand digits costs nothing', () => {
    const started = process.cpuUsage().user;
    for (const digits of ['9', '7', 'f']) argument(`0x${digits.repeat(100_000)}`);
    argument('9'.repeat(100_000));
    assert.ok(process.cpuUsage().user - started < 1_000_000);
  });
});

describe('a boolean', () => {
  const scalar = (text: string): YamlScalar => ({ kind: 'scalar', text, plain: true, line: 1 });

  it('of an object is true or false in YAML 1.2 spelling', () => {
    for (const text of ['true', 'True', 'TRUE']) assert.equal(toBoolean(scalar(text)), true);
    for (const text of ['false', 'False', 'FALSE']) assert.equal(toBoolean(scalar(text)), false);
    for (const text of ['yes', 'no', 'on', '1', '0', 't', '', 'tRUE']) assert.equal(toBoolean(scalar(text)), undefined);
  });

  it("of a parameter is in the vocabulary of Go's ParseBool", () => {
    for (const text of ['1', 't', 'T', 'TRUE', 'true', 'True']) assert.equal(parseGoBool(text), true);
    for (const text of ['0', 'f', 'F', 'FALSE', 'false', 'False']) assert.equal(parseGoBool(text), false);
    for (const text of ['yes', 'no', 'tRUE', '', ' true', 'true\n', '2']) assert.equal(parseGoBool(text), undefined);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KeymountError } from '../../../provider/errors.ts';
import { jmesPathProblem, searchJmesPath } from '../../../provider/render/jmespath.ts';
import { goJson } from '../../../provider/render/json.ts';
import { selectBytes } from '../../../provider/render/select.ts';
import { parseJson } from '../../../provider/util/json.ts';

const find = (expression: string, json: string) => goJson(searchJmesPath(expression, parseJson(json)));
const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof KeymountError) return error.code;
    throw error;
  }
  return 'none';
};

describe('a JMESPath', () => {
  it('finds what the specification says', () => {
    assert.equal(find('a.b', '{"a":{"b":"x"}}'), '"x"');
    assert.equal(find('"a-b"', '{"a-b":1}'), '1');
    assert.equal(find('a[-1]', '{"a":[1,2]}'), '2');
    assert.equal(
      find('users[?age > `30`].name | [0]', '{"users":[{"name":"a","age":20},{"name":"b","age":40}]}'),
      '"b"',
    );
    assert.equal(find('{user: u, n: length(l)}', '{"u":"x","l":[1,2]}'), '{"n":2,"user":"x"}');
    assert.equal(find('gone.deep', '{}'), 'null');
  });

  it('leaves numbers the digits that they have', () => {
    assert.equal(find('a', '{"a":12345678901234567890}'), '12345678901234567890');
    assert.equal(find('[].n', '[{"n":1.0},{"n":1e5},{"n":0.10}]'), '[1.0,1e5,0.10]');
    assert.equal(find('[?@ > `1`]', '[1.50,12345678901234567890]'), '[1.50,12345678901234567890]');
  });

  it('finds keys that objects have by themselves only where the secret has them', () => {
    for (const key of ['constructor', '__proto__', 'hasOwnProperty', 'toString']) {
      assert.equal(find(key, '{}'), 'null', key);
      assert.equal(find(key, `{"${key}":"x"}`), '"x"', key);
    }
  });

  it('is bounded in time, in what it finds and in its length', () => {
    const doubling = `@${'|[@,@]'.repeat(60)}`;
    assert.equal(
      codeOf(() => find(doubling, '1')),
      'value-invalid',
    );
    const flat = `@${'|[@,@][]'.repeat(40)}`;
    const started = performance.now();
    assert.equal(
      codeOf(() => find(flat, '[1]')),
      'value-invalid',
    );
    assert.ok(performance.now() - started < 2_000);
    assert.equal(find('a[0]', '{"a":[1]}'), '1', 'the next one works');
    assert.match(jmesPathProblem('a'.repeat(1_025)) ?? '', /longer than 1024/);
  });

  it('that is none is told from one that is', () => {
    for (const good of ['a', 'a.b', '"a-b"', 'a[?b==`1`]', 'sort_by(a, &b)'])
      assert.equal(jmesPathProblem(good), undefined, good);
    for (const bad of ['', '.a', 'a.', 'a[', 'a b', '('.repeat(1_000)])
      assert.match(jmesPathProblem(bad) ?? '', /not valid/, bad);
    assert.match(jmesPathProblem('db-password') ?? '', /wants double quotes/);
  });

  it('never quotes the secret in an error', () => {
    assert.throws(
      () => find('abs(a)', '{"a":"hunter2"}'),
      (thrown) =>
        thrown instanceof KeymountError &&
        thrown.code === 'value-invalid' &&
        !JSON.stringify(thrown).includes('hunter2'),
    );
  });
});

describe('a file that a JMESPath finds', () => {
  const select = (jmesPath: string, text: string) =>
    Buffer.from(selectBytes({ bytes: Buffer.from(text) }, { jmesPath }, 'utf-8')).toString();

  it('is a string as it is, and anything else as JSON', () => {
    assert.equal(select('a', '{"a":"x\\n"}'), 'x\n');
    assert.equal(select('a', '{"a":1.0}'), '1.0');
    assert.equal(select('a', '{"a":{"z":true,"b":[1]}}'), '{"b":[1],"z":true}');
    assert.equal(select('[0]', '["x"]'), 'x');
  });

  it('is missing where nothing is found, and cannot be where there is no JSON', () => {
    assert.equal(
      codeOf(() => select('b', '{"a":null,"b":null}')),
      'key-missing',
    );
    assert.equal(
      codeOf(() => select('a', 'plain')),
      'value-invalid',
    );
  });

  it('is decoded', () => {
    const bytes = Buffer.from('{"a":"aGk="}');
    assert.equal(Buffer.from(selectBytes({ bytes }, { jmesPath: 'a' }, 'base64')).toString(), 'hi');
  });
});

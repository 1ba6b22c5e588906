import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Code, KeymountError } from '../../../provider/errors.ts';
import { combineFailures, failureText } from '../../../provider/mount/failure.ts';

const failed = (index: number, code: Code = 'secret-missing', message = `no secret at kv/${index}`) =>
  new KeymountError(code, message, { at: { path: `objects[${index}]`, name: `file-${index}`, line: index + 1 } });

const textOf = (...failures: KeymountError[]) => failureText(combineFailures(failures));

describe('the text of a failed Mount', () => {
  it('of one failure is place, what failed, reason, hint and code', () => {
    const error = new KeymountError('secret-denied', 'kv/db was refused', {
      at: { path: 'objects[2]', name: 'pw', line: 9 },
      reason: 'permission denied',
      hint: 'the policy of role web lacks read on kv/db',
    });
    assert.equal(
      textOf(error),
      'objects[2] "pw" (line 9): kv/db was refused: permission denied; the policy of role web lacks read on kv/db [secret-denied]',
    );
  });

  it('of several is the first in full and the others by place and code', () => {
    assert.equal(
      textOf(failed(0), failed(1, 'key-missing'), failed(2, 'secret-denied')),
      'objects[0] "file-0" (line 1): no secret at kv/0 [secret-missing]' +
        ' | objects[1] "file-1" (line 2): key-missing | objects[2] "file-2" (line 3): secret-denied',
    );
  });

  it('is sorted by place, numbers by their size, in whatever order the reads ended', () => {
    const failures = [11, 2, 0, 1, 10].map((index) => failed(index));
    const places = textOf(...failures).match(/objects\[\d+\]/g);
    assert.deepEqual(places, ['objects[0]', 'objects[1]', 'objects[2]', 'objects[10]', 'objects[11]']);
    assert.equal(textOf(...failures), textOf(...failures.reverse()));
  });

  it('tells a login that failed once, however many objects wait behind it', () => {
    const login = new KeymountError('login-denied', 'role web was refused');
    assert.equal(textOf(login, login, login), 'role web was refused [login-denied]');
  });

  it('has the status of the first failure', () => {
    assert.equal(combineFailures([failed(1, 'key-missing'), failed(0, 'backend-unreachable')]).status, 'UNAVAILABLE');
  });

  for (const count of [2, 9, 10, 50, 99, 100, 101, 1000, 10_001]) {
    it(`of ${count} failures is below 1 kB and counts those that it leaves out`, () => {
      const text = textOf(...Array.from({ length: count }, (_, index) => failed(index)));
      assert.ok(Buffer.byteLength(text) <= 1000, `${Buffer.byteLength(text)} bytes`);
      const named = text.match(/objects\[\d+\] "file-\d+" \(line \d+\): /g)?.length ?? 0;
      const more = Number(/ \| \+(\d+) more$/.exec(text)?.[1] ?? 0);
      assert.equal(named + more, count);
      if (count >= 50) assert.ok(more > 0);
    });
  }

  it('cuts a first failure that is too long itself, and still counts the others', () => {
    const text = textOf(failed(0, 'secret-missing', 'é'.repeat(5000)), failed(1), failed(2));
    assert.ok(Buffer.byteLength(text) <= 1000);
    assert.match(text, /^objects\[0\] "file-0" \(line 1\): é+… \| \+2 more$/);
  });

  it('cuts a single failure that is too long before its code, and cuts no character in half', () => {
    for (const pad of ['', 'a', 'ab', 'abc']) {
      const text = textOf(failed(0, 'secret-missing', `${pad}${'😀'.repeat(2000)}`));
      assert.ok(Buffer.byteLength(text) <= 1000);
      assert.match(text, /😀… \[secret-missing\]$/u);
      assert.ok(!text.includes('\ufffd'));
    }
  });

  it('is one line, whatever the names of the objects', () => {
    const named = (name: string) => new KeymountError('key-missing', 'no key', { at: { path: 'objects[1]', name } });
    const text = textOf(failed(0), named('a\nb\r\tc\u2028d\u0000e'), named('\u001b[31m'));
    assert.doesNotMatch(text, /\p{Cc}|[\u2028\u2029]/u);
  });
});

describe('the text of a class with mistakes', () => {
  const mistaken = (count: number, more = '') =>
    new KeymountError(
      'class-invalid',
      Array.from({ length: count }, (_, index) => `objects[${index}].secretPath (line ${index + 1}): is missing`).join(
        ' | ',
      ) + more,
    );

  it('tells all of them where they fit', () => {
    const text = failureText(mistaken(10));
    assert.equal(text.match(/is missing/g)?.length, 10);
    assert.match(text, / \[class-invalid\]$/);
  });

  it('counts those that do not fit, and keeps the code', () => {
    const text = failureText(mistaken(80));
    assert.ok(Buffer.byteLength(text) <= 1000);
    const told = text.match(/is missing(?= |$)/g)?.length ?? 0;
    assert.ok(text.endsWith(`: is missing | +${80 - told} more [class-invalid]`), text);
  });

  it('adds those that were only counted before', () => {
    const text = failureText(mistaken(100, ' | +23 more'));
    const told = text.match(/is missing(?= |$)/g)?.length ?? 0;
    assert.ok(text.endsWith(`: is missing | +${123 - told} more [class-invalid]`), text);
  });
});

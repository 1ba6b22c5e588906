import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  catalogue,
  formatError,
  formatPlace,
  KeymountError,
  oneLine,
  statusNumber,
  toKeymountError,
} from '../../provider/errors.ts';

describe('the text of an error', () => {
  const facts = {
    at: { path: 'objects[2]', name: 'pw', line: 9 },
    reason: 'permission denied',
    hint: 'mend the policy',
  };

  it('is place, what failed, reason, hint and code in that order', () => {
    assert.equal(
      formatError(new KeymountError('secret-denied', 'kv/db was refused', facts)),
      'objects[2] "pw" (line 9): kv/db was refused: permission denied; mend the policy [secret-denied]',
    );
  });

  it('leaves out what there is not', () => {
    assert.equal(formatError(new KeymountError('secret-denied', 'no')), 'no [secret-denied]');
    assert.equal(formatError(new KeymountError('secret-denied', 'no', { hint: 'x' })), 'no; x [secret-denied]');
    assert.equal(formatError(new KeymountError('secret-denied', 'no', { reason: 'x' })), 'no: x [secret-denied]');
    assert.equal(formatPlace({ path: 'parameters.roleName' }), 'parameters.roleName');
    assert.equal(formatPlace({ path: 'objects', line: 3 }), 'objects (line 3)');
  });

  it('is one line, whatever a backend or an author wrote', () => {
    const wild = 'a\nb\r\n\tc\u0000d\u001b[31me\u2028f\u2029g\u007fh';
    const error = new KeymountError('secret-denied', wild, {
      at: { path: wild, name: wild },
      reason: wild,
      hint: wild,
    });
    assert.doesNotMatch(formatError(error), /\p{Cc}|\u2028|\u2029/u);
    assert.equal(oneLine(' a \n\n b \t'), 'a   b');
  });

  it('keeps its facts at another place', () => {
    const cause = new Error('below');
    const error = new KeymountError('backend-throttled', 'slow', { ...facts, retryAfter: 500, cause });
    const moved = error.placed({ path: 'objects[0]' });
    assert.deepEqual(
      [moved.code, moved.message, moved.at, moved.reason, moved.hint, moved.retryAfter, moved.cause],
      ['backend-throttled', 'slow', { path: 'objects[0]' }, 'permission denied', 'mend the policy', 500, cause],
    );
    assert.deepEqual(error.at, facts.at);
  });
});

describe('whatever is thrown', () => {
  it('stays itself where it is of the catalogue', () => {
    const error = new KeymountError('secret-denied', 'no');
    assert.equal(toKeymountError(error), error);
  });

  const canary = 'canary-5b1c';
  const thrown: [string, unknown][] = [
    ['an error of a library', Object.assign(new TypeError(canary), { config: { headers: { token: canary } } })],
    ['a text', canary],
    ['nothing', undefined],
    ['null', null],
    ['an object that looks like one of ours', { code: 'secret-denied', message: canary, name: 'KeymountError' }],
  ];
  for (const [what, value] of thrown) {
    it(`is an internal error without a word of it, if it is ${what}`, () => {
      const error = toKeymountError(value);
      assert.equal(error.code, 'internal');
      assert.equal(error.status, 'INTERNAL');
      assert.equal(error.cause, value);
      assert.ok(!`${formatError(error)} ${error.message} ${error.reason} ${error.hint}`.includes(canary));
    });
  }
});

describe('the statuses', () => {
  it('of the catalogue are those of gRPC, by its numbers', () => {
    assert.deepEqual(statusNumber, {
      OK: 0,
      CANCELLED: 1,
      UNKNOWN: 2,
      INVALID_ARGUMENT: 3,
      DEADLINE_EXCEEDED: 4,
      NOT_FOUND: 5,
      PERMISSION_DENIED: 7,
      RESOURCE_EXHAUSTED: 8,
      FAILED_PRECONDITION: 9,
      UNIMPLEMENTED: 12,
      INTERNAL: 13,
      UNAVAILABLE: 14,
    });
    for (const { status } of Object.values(catalogue)) assert.ok(status in statusNumber && status !== 'OK');
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KeymountError } from '../../../provider/errors.ts';
import type { MountReply } from '../../../provider/mount/mount.ts';
import { Replies } from '../../../provider/mount/replies.ts';
import { failedRead, planOf, readOf } from './a-plan.ts';

const reply = (bytes = 1): MountReply => ({
  files: [
    {
      path: 'a',
      mode: 0o644,
      contents: new Uint8Array(bytes),
      output: planOf('- {file: a, secret: s}').outputs[0] as MountReply['files'][0]['output'],
      backendVersion: '',
    },
  ],
  versions: [{ id: 'a', version: 'v' }],
});

describe('replies', () => {
  const plan = planOf('- {file: a, secret: s}\n- {file: b, secret: t}\n');

  it('are found by plan, permission and the very reads that they were made of', () => {
    const replies = new Replies();
    const reads = [readOf({ k: 'v' }), readOf({ k: 'v' })];
    const made = reply();
    replies.put(replies.keyOf(plan, reads, 0o644), made);
    assert.equal(replies.get(replies.keyOf(plan, [...reads], 0o644)), made);
  });

  it('are not found by anything else, though all bytes and versions are equal', () => {
    const replies = new Replies();
    const [a, b] = [readOf({ k: 'v' }), readOf({ k: 'v' })];
    const keys = [
      replies.keyOf(plan, [a, b], 0o644),
      replies.keyOf(plan, [a, b], 0o600),
      replies.keyOf(plan, [b, a], 0o644),
      replies.keyOf(plan, [a, readOf({ k: 'v' })], 0o644),
      replies.keyOf(planOf('- {file: a, secret: s}\n- {file: b, secret: t}\n'), [a, b], 0o644),
    ];
    assert.equal(new Set(keys).size, keys.length);
  });

  it('of a Mount in which a read failed are never remembered', () => {
    const replies = new Replies();
    const missing = failedRead(new KeymountError('secret-missing', 'no'));
    const key = replies.keyOf(plan, [readOf({}), missing], 0o644);
    assert.equal(key, undefined);
    replies.put(key, reply());
    assert.equal(replies.get(key), undefined);
  });

  it('are kept as far as they are small', () => {
    const replies = new Replies(10_000);
    const keys = Array.from({ length: 10 }, () => replies.keyOf(plan, [readOf({}), readOf({})], 0o644));
    for (const key of keys) replies.put(key, reply(2_000));
    const kept = keys.filter((key) => replies.get(key) !== undefined);
    assert.deepEqual(kept, keys.slice(-3));
  });
});

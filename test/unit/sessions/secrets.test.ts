import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Secret } from '../../../provider/backends/backend.ts';
import { Secrets } from '../../../provider/sessions/secrets.ts';
import type { Held } from '../../../provider/sessions/sessions.ts';

let lastId = 0;

function held(): Held {
  const session = {
    expires: undefined,
    serviceAccountUid: undefined,
    isShareable: async () => false,
    read: () => [],
    isAuthorityLost: () => false,
    close: () => {},
  };
  const ends = Number.POSITIVE_INFINITY;
  return { id: ++lastId, session, scope: 'pod', ends, denied: new Set(), secrets: new Map() } as Held;
}

const secret = (size = 10): Secret => ({ keys: { k: 'v' }, version: '1', size });

describe('the secrets in memory', () => {
  it('belong each to the session that read it', () => {
    const secrets = new Secrets();
    const [a, b] = [held(), held()];
    secrets.put(a, 'kv/x', secret(), 1);
    assert.notEqual(secrets.get(a, 'kv/x'), undefined);
    assert.equal(secrets.get(b, 'kv/x'), undefined);
  });

  it('have each a number that no other read has, though the version is the same', () => {
    const secrets = new Secrets();
    const [a, b] = [held(), held()];
    const numbers = [
      secrets.put(a, 'kv/x', secret(), 1),
      secrets.put(b, 'kv/x', secret(), 1),
      secrets.put(a, 'kv/x', secret(), 2),
    ].map(({ number }) => number);
    assert.equal(new Set(numbers).size, 3);
    assert.ok(numbers.every((number) => number > 0));
  });

  it('are bounded, and the least recently used one goes', () => {
    const secrets = new Secrets(3 * 1_100);
    const a = held();
    for (const key of ['1', '2', '3']) secrets.put(a, key, secret(), 1);
    secrets.get(a, '1');
    secrets.put(a, '4', secret(), 1);
    assert.deepEqual(
      ['1', '2', '3', '4'].filter((key) => secrets.get(a, key) !== undefined),
      ['1', '3', '4'],
    );
  });

  it('are bounded in bytes, small ones with what each costs beside its content', () => {
    const secrets = new Secrets(110_000);
    const a = held();
    for (let i = 0; i < 1_000; i++) secrets.put(a, `large ${i}`, secret(9_000), 1);
    assert.ok(secrets.size <= 11 && secrets.size >= 9, `${secrets.size}`);
    for (let i = 0; i < 1_000; i++) secrets.put(a, `small ${i}`, secret(1), 1);
    assert.ok(secrets.size <= 108, `${secrets.size}`);
    assert.ok(secrets.bytes <= 110_000, `${secrets.bytes}`);
  });

  it('do not take in one that is larger than all of them may be, and lose what it replaces', () => {
    const secrets = new Secrets(10_000);
    const a = held();
    secrets.put(a, 'x', secret(), 1);
    const { secret: large } = secrets.put(a, 'x', secret(20_000), 2);
    assert.equal(large.size, 20_000);
    assert.equal(secrets.get(a, 'x'), undefined);
  });

  it('leave nothing in the session when they are dropped for want of room', () => {
    const secrets = new Secrets(3 * 1_100);
    const a = held();
    for (let i = 0; i < 1_000; i++) secrets.put(a, `kv/${i}`, secret(), 1);
    assert.equal(a.secrets.size, 3);
    secrets.put(a, 'kv/999', secret(), 2);
    assert.equal(a.secrets.size, 3);
  });

  it('die with their session, and no others', () => {
    const secrets = new Secrets();
    const [a, b] = [held(), held()];
    for (const each of [a, b]) for (const key of ['1', '2']) secrets.put(each, key, secret(), 1);
    secrets.purgeAll(a);
    assert.deepEqual([secrets.get(a, '1'), secrets.get(a, '2')], [undefined, undefined]);
    assert.equal(secrets.size, 2);
    assert.equal(a.secrets.size, 0);
  });

  it('are purged one by one', () => {
    const secrets = new Secrets();
    const a = held();
    for (const key of ['1', '2']) secrets.put(a, key, secret(), 1);
    secrets.purge(a, '1');
    assert.equal(secrets.get(a, '1'), undefined);
    assert.notEqual(secrets.get(a, '2'), undefined);
    assert.equal(a.secrets.size, 1);
  });

  it('count their bytes and tell when each was read', () => {
    const secrets = new Secrets();
    const a = held();
    secrets.put(a, '1', secret(1_000), 5);
    secrets.put(a, '2', secret(2_000), 6);
    assert.deepEqual([...secrets.readTimes()].sort(), [5, 6]);
    assert.ok(secrets.bytes >= 3_000);
    secrets.purgeAll(a);
    assert.equal(secrets.bytes, 0);
  });
});

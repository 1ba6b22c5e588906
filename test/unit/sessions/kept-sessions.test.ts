import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Source } from '../../../provider/plan/plan.ts';
import { sessionKeys } from '../../../provider/sessions/session-key.ts';
import type { Held } from '../../../provider/sessions/sessions.ts';
import { aPod } from '../../lab/pod.ts';
import { callerOf, FakeStore, HandClock, sessionsOf, sourcesOf } from './fake-store.ts';

const never = new AbortController().signal;

/** Sources of classes whose roles are of the pod author's choice. */
function roles(count: number): Source[] {
  const connection = { kind: 'named', name: 'prod' } as const;
  return Array.from({ length: count }, (_, index) => {
    return sourcesOf({ address: 'kv/db', access: { connection, role: `role ${index}` } })[0] as Source;
  });
}

const [usual] = roles(1) as [Source];

describe('a session that a keeper looks after', () => {
  const victim = callerOf(aPod());
  const attacker = callerOf(aPod());
  let store: FakeStore;
  let clock: HandClock;
  let ended: number[];
  let sessions: ReturnType<typeof sessionsOf>;
  let kept: Held;
  const get = async (caller = victim, source = usual) =>
    (await sessions.get({ connection: store.connection, source, caller }, never)).held;
  const key = () => sessionKeys(store.connection, usual, victim).pod;
  beforeEach(async () => {
    store = new FakeStore();
    clock = new HandClock();
    ended = [];
    sessions = sessionsOf(clock, { max: 10, onEnd: ({ id }) => void ended.push(id) });
    kept = await get();
    sessions.keep(key(), kept);
  });

  it('is there however many sessions others make', async () => {
    for (const source of roles(1_000)) await get(attacker, source);
    assert.equal(await get(), kept);
    assert.ok(!ended.includes(kept.id));
    assert.deepEqual(store.closed.includes(1), false);
    assert.equal(sessions.count().pod, 11);
  });

  it('does not age', async () => {
    clock.time += 1e9;
    assert.equal(await get(), kept);
  });

  it('ends when it is dropped, once', async () => {
    sessions.drop(key(), kept);
    sessions.drop(key(), kept);
    assert.deepEqual(ended, [kept.id]);
    assert.notEqual(await get(), kept);
  });

  it('ends when a new login takes its place, and the new one is kept in its turn', async () => {
    const fresh = await sessions.replace(kept, { connection: store.connection, source: usual, caller: victim }, never);
    assert.deepEqual(ended, [kept.id]);
    assert.equal(await get(), fresh);
    sessions.keep(key(), fresh);
    for (const source of roles(20)) await get(attacker, source);
    assert.equal(await get(), fresh);
    assert.ok(!ended.includes(fresh.id));
  });

  it('is not taken up again when it was replaced before it was kept', async () => {
    const old = await get(attacker);
    const fresh = await sessions.replace(old, { connection: store.connection, source: usual, caller: attacker }, never);
    sessions.keep(sessionKeys(store.connection, usual, attacker).pod, old);
    assert.equal(await get(attacker), fresh);
  });

  it('ends with all others', () => {
    sessions.close();
    assert.deepEqual(ended, [kept.id]);
    assert.deepEqual(sessions.count(), { account: 0, pod: 0 });
  });
});

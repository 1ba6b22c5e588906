import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KeymountError } from '../../../provider/errors.ts';
import type { Source } from '../../../provider/plan/plan.ts';
import { aPod } from '../../lab/pod.ts';
import { fails, never, sharingWorld } from './fake-reads.ts';
import { callerOf, gate, sourcesOf } from './fake-store.ts';

const [kv] = sourcesOf('kv/a') as [Source];

describe('a session of its own', () => {
  it('is never one that turns out to be shared, though another wish of the pod logs in at the same time', async () => {
    const { store, sessions } = sharingWorld();
    const pod = callerOf();
    const wish = { connection: store.connection, source: kv, caller: pod };
    // The mount was one of the jwt method, and is now one of the kubernetes method.
    store.accountOf = () => undefined;
    await sessions.get(wish, never);
    sessions.close();
    store.accountOf = ({ identity }) => identity.serviceAccountUid;
    const { opened, open } = gate();
    store.atLogin = () => opened;
    const shared = sessions.get(wish, never);
    const own = sessions.get({ ...wish, ownOnly: true }, never);
    open();
    assert.equal((await own).held.scope, 'pod');
    assert.equal((await shared).held.scope, 'serviceAccount');
    assert.notEqual((await own).held, (await shared).held);
  });

  it('is not that of its ServiceAccount after it was lost', async () => {
    const { store, sessions } = sharingWorld();
    const wish = { connection: store.connection, source: kv, caller: callerOf(), ownOnly: true };
    const { held } = await sessions.get(wish, never);
    assert.equal((await sessions.replace(held, { ...wish, ownOnly: false }, never)).scope, 'pod');
  });
});

describe('what the backend says of a login', () => {
  it('makes no shared session if it names another ServiceAccount than the token', async () => {
    const { store, mount } = sharingWorld();
    store.accountOf = () => 'uid of somebody else';
    const replicas = Array.from({ length: 5 }, () => callerOf(aPod()));
    for (const replica of replicas) assert.deepEqual(await mount([kv], replica), ['backend']);
    assert.equal(store.logins.length, 5);
    assert.equal(store.reads.length, 5);
  });

  it('is asked again by each when it differs from pod to pod at the same time', async () => {
    const { store, mount } = sharingWorld();
    store.accountOf = ({ identity }) => (identity.pod.endsWith('odd') ? 'somebody else' : identity.serviceAccountUid);
    const [odd, even] = [callerOf(aPod({ name: 'odd' })), callerOf(aPod({ name: 'even' }))];
    assert.deepEqual(await Promise.all([mount([kv], odd), mount([kv], even)]), [['backend'], ['backend']]);
    assert.deepEqual(
      store.logins.map(({ identity }) => identity.pod),
      ['odd', 'even'],
    );
    assert.deepEqual(
      store.reads.map(({ session }) => session),
      [1, 2],
    );
  });
});

describe('an outdated shared secret', () => {
  const stale = sourcesOf({ address: 'kv/a', staleOnError: 3_600_000 });
  const away = fails('backend-unreachable');

  it('is served while the backend is away, though it cannot be asked what may be shared', async () => {
    const { store, clock, mount } = sharingWorld();
    const [a, b] = [callerOf(aPod()), callerOf(aPod())];
    await mount(stale, a);
    clock.time += 600_000;
    store.shareable = () => false;
    store.answer = away;
    store.atLogin = async () => void away();
    assert.deepEqual([await mount(stale, a), await mount(stale, b)], [['stale'], ['stale']]);
  });

  it('is not served then to a pod that nothing proves', async () => {
    const { store, clock, mount } = sharingWorld();
    const pod = aPod();
    await mount(stale, callerOf(pod));
    clock.time += 600_000;
    store.answer = away;
    store.atLogin = async () => void away();
    assert.deepEqual(await mount(stale, callerOf(pod, { proven: false })), ['backend-unreachable']);
  });

  it('is not served once its session is over', async () => {
    const { store, clock, mount } = sharingWorld();
    const pod = callerOf();
    const long = sourcesOf({ address: 'kv/a', staleOnError: 100 * 3_600_000 });
    await mount(long, pod);
    store.answer = away;
    store.atLogin = async () => void away();
    clock.time += 3_590_000;
    assert.deepEqual(await mount(long, pod), ['stale']);
    clock.time += 10_000;
    assert.deepEqual(await mount(long, pod), ['backend-unreachable']);
  });
});

describe('a session', () => {
  it('remembers a bounded number of refusals', async () => {
    const { store, sessions, mount } = sharingWorld();
    const pod = callerOf();
    store.answer = () => {
      throw new KeymountError('secret-denied', 'no');
    };
    const many = Array.from({ length: 5_000 }, (_, index) => `kv/${index}`);
    for (let time = 0; time < 2; time++) await mount(sourcesOf(...many), pod);
    const { held } = await sessions.get({ connection: store.connection, source: kv, caller: pod }, never);
    assert.ok(held.denied.size <= 2_000, `${held.denied.size}`);
    assert.ok(held.denied.size >= 100, `${held.denied.size}`);
  });
});

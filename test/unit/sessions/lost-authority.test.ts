import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { aPod } from '../../lab/pod.ts';
import { denyAll, fails, readingWorld } from './fake-reads.ts';
import { callerOf, denied, sourcesOf } from './fake-store.ts';

describe('a session that lost its authority', () => {
  it('is replaced once for all reads that it was refused', async () => {
    const { store, clock, mount } = readingWorld();
    const sources = sourcesOf('a', 'b', 'c');
    await mount(sources);
    store.answer = (address, session) => {
      if (session === 1) throw denied(address);
      return {};
    };
    clock.time += 60_000;
    assert.deepEqual(await mount(sources), ['backend', 'backend', 'backend']);
    assert.equal(store.logins.length, 2);
  });

  it('is replaced once for many Mounts at the same time', async () => {
    const { store, clock, mount } = readingWorld();
    const sources = sourcesOf('a', 'b');
    await mount(sources);
    store.answer = (address, session) => {
      if (session === 1) throw denied(address);
      return {};
    };
    clock.time += 60_000;
    await Promise.all(Array.from({ length: 30 }, () => mount(sources)));
    assert.equal(store.logins.length, 2);
  });

  it('is not replaced within the Mount that made it', async () => {
    const { store, mount } = readingWorld();
    store.answer = denyAll;
    assert.deepEqual(await mount(sourcesOf('a')), ['secret-denied']);
    assert.equal(store.logins.length, 1);
  });

  it('is not replaced for other failures', async () => {
    const { store, clock, mount } = readingWorld();
    await mount(sourcesOf('a'));
    store.answer = fails('backend-unreachable');
    clock.time += 60_000;
    await mount(sourcesOf('a'));
    assert.equal(store.logins.length, 1);
  });

  it('gives the failure of the new login where that fails', async () => {
    const { store, clock, mount } = readingWorld();
    await mount(sourcesOf('a'));
    store.answer = denyAll;
    store.atLogin = fails('login-denied');
    clock.time += 60_000;
    assert.deepEqual(await mount(sourcesOf('a')), ['login-denied']);
  });
});

describe('a path that stays forbidden', () => {
  const denyA = (address: string) => {
    if (address === 'a') throw denied(address);
    return {};
  };

  it('costs at most one extra login in twenty Mounts', async () => {
    const { store, clock, mount } = readingWorld();
    store.answer = denyA;
    for (let i = 0; i < 20; i++) {
      assert.deepEqual(await mount(sourcesOf('a', 'b')), ['secret-denied', 'backend']);
      clock.time += 75_000;
    }
    assert.ok(store.logins.length <= 2, `${store.logins.length} logins`);
  });

  it('costs no login more when sessions expire', async () => {
    const { store, clock, mount } = readingWorld();
    store.answer = denyA;
    // Each session lasts four Mounts.
    for (let i = 0; i < 20; i++) {
      if (i % 4 === 0) store.expires = clock.time + 300_000;
      await mount(sourcesOf('a', 'b'));
      clock.time += 75_000;
    }
    assert.ok(store.logins.length <= 6, `${store.logins.length} logins for 5 sessions`);
  });

  it('costs no login for each of its pods more than once', async () => {
    const { store, clock, mount } = readingWorld();
    store.answer = denyA;
    const callers = Array.from({ length: 5 }, () => callerOf(aPod()));
    for (let i = 0; i < 10; i++) {
      await Promise.all(callers.map((caller) => mount(sourcesOf('a'), caller)));
      clock.time += 75_000;
    }
    assert.ok(store.logins.length <= 10, `${store.logins.length} logins of 5 pods`);
  });

  it('and is allowed one day is read, also after that session was lost', async () => {
    const { store, clock, mount } = readingWorld();
    store.answer = denyA;
    for (let i = 0; i < 3; i++) {
      await mount(sourcesOf('a'));
      clock.time += 75_000;
    }
    store.answer = () => ({});
    assert.deepEqual(await mount(sourcesOf('a')), ['backend'], 'the policy was mended');
    clock.time += 75_000;
    const newest = store.logins.length;
    store.answer = (address, session) => {
      if (session <= newest) throw denied(address);
      return {};
    };
    assert.deepEqual(await mount(sourcesOf('a')), ['backend'], 'the token was revoked, a new login helps');
  });
});

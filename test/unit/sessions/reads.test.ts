import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KeymountError } from '../../../provider/errors.ts';
import { aPod } from '../../lab/pod.ts';
import { denyAll, fails, never, readingWorld, sharingWorld, told } from './fake-reads.ts';
import { callerOf, denied, gate, sourcesOf } from './fake-store.ts';

describe('the reads of a Mount', () => {
  it('are answered in the order of the class, each on its own', async () => {
    const { store, reads } = readingWorld();
    store.answer = (address) => {
      if (address === 'b') throw new KeymountError('secret-missing', 'no b');
      return { keys: { k: address } };
    };
    const outcomes = await reads.readAll(callerOf(), sourcesOf('a', 'b', 'c'), never);
    assert.deepEqual(outcomes.map(told), ['backend', 'secret-missing', 'backend']);
    assert.deepEqual(
      outcomes.map((outcome) => ('secret' in outcome ? outcome.secret.keys : undefined)),
      [{ k: 'a' }, undefined, { k: 'c' }],
    );
    assert.deepEqual(
      store.reads.map(({ address }) => address),
      ['a', 'b', 'c'],
    );
  });

  it('start side by side', async () => {
    const { store, mount } = readingWorld();
    const { opened, open } = gate();
    store.answer = async () => {
      if (store.reads.length === 5) open();
      await opened;
      return {};
    };
    assert.deepEqual(await mount(sourcesOf('a', 'b', 'c', 'd', 'e')), Array(5).fill('backend'));
  });

  it('are none where there is nothing to read', async () => {
    const { store, mount } = readingWorld();
    assert.deepEqual(await mount([]), []);
    assert.equal(store.logins.length, 0);
  });

  it('leave the others alone where one address is malformed', async () => {
    const { store, mount } = readingWorld();
    assert.deepEqual(await mount(sourcesOf('a', 'malformed', 'c')), ['backend', 'class-invalid', 'backend']);
    assert.deepEqual(
      store.reads.map(({ address }) => address),
      ['a', 'c'],
    );
  });

  it('never reject, whatever a backend throws', async () => {
    const { store, mount } = readingWorld();
    store.answer = () => {
      throw new TypeError('canary');
    };
    assert.deepEqual(await mount(sourcesOf('a')), ['internal']);
    store.atLogin = () => Promise.reject('a text');
    assert.deepEqual(await mount(sourcesOf('a'), callerOf(aPod())), ['internal']);
  });

  it('all have the same failure where there is no session', async () => {
    const { store, reads } = readingWorld();
    store.atLogin = fails('login-denied');
    const sources = sourcesOf('a', 'b', 'c');
    const outcomes = await reads.readAll(callerOf(), sources, never);
    const errors = outcomes.map((outcome) => ('error' in outcome ? outcome.error : undefined));
    assert.ok(outcomes.every((outcome) => 'error' in outcome && outcome.ofSession));
    assert.equal(new Set(errors).size, 1, 'one error for all');
    assert.deepEqual(errors[0]?.at, sources[0]?.at);
    assert.equal(store.logins.length, 1);
  });

  it('of many pods at once are each with its own session', async () => {
    const { store, mount } = readingWorld();
    await Promise.all(Array.from({ length: 20 }, () => mount(sourcesOf('a'), callerOf(aPod()))));
    assert.equal(store.logins.length, 20);
    assert.equal(new Set(store.reads.map(({ session }) => session)).size, 20);
  });

  it('of one pod at once are one read', async () => {
    const { store, mount } = readingWorld();
    await Promise.all(Array.from({ length: 100 }, () => mount(sourcesOf('a', 'b'))));
    assert.equal(store.logins.length, 1);
    assert.equal(store.reads.length, 2);
  });
});

describe('a read that many wait for', () => {
  const slow = () => {
    const all = readingWorld();
    const { opened, open, slam } = gate();
    all.store.answer = async () => {
      await opened;
      return {};
    };
    return { ...all, open, slam };
  };

  it('goes on when one of them gives up', async () => {
    const { store, reads, mount, open } = slow();
    const hasty = new AbortController();
    const caller = callerOf(aPod());
    const gaveUp = reads.readAll(caller, sourcesOf('a'), hasty.signal);
    const waited = mount(sourcesOf('a'), caller);
    await new Promise(setImmediate);
    hasty.abort(new KeymountError('cancelled', 'in a hurry'));
    const [outcome] = await gaveUp;
    assert.ok(outcome !== undefined && 'error' in outcome);
    assert.equal(outcome.error.code, 'cancelled');
    assert.match(outcome.error.reason ?? '', /connection "prod"/, 'it says whom it waited for');
    open();
    assert.deepEqual(await waited, ['backend']);
    assert.equal(store.reads.length, 1);
  });

  it('fails for all of them at once', async () => {
    const { mount, slam } = slow();
    const caller = callerOf(aPod());
    const all = Array.from({ length: 10 }, () => mount(sourcesOf('a'), caller));
    await new Promise(setImmediate);
    slam(new KeymountError('backend-unreachable', 'gone'));
    assert.deepEqual(await Promise.all(all), Array(10).fill(['backend-unreachable']));
  });
});

describe('what pods of a ServiceAccount share', () => {
  it('is one login and one read a minute for 110 replicas', async () => {
    const { store, clock, mount } = sharingWorld();
    const replicas = Array.from({ length: 110 }, () => callerOf(aPod()));
    await Promise.all(replicas.map((caller) => mount(sourcesOf('kv/a'), caller)));
    assert.equal(store.logins.length, 1);
    assert.equal(store.reads.length, 1);
    clock.time += 60_000;
    await Promise.all(replicas.map((caller) => mount(sourcesOf('kv/a'), caller)));
    assert.equal(store.logins.length, 1);
    assert.equal(store.reads.length, 2);
  });

  it('is only what is proven to be for all of them; the rest each reads with its own login', async () => {
    const { store, mount } = sharingWorld();
    const replicas = Array.from({ length: 3 }, () => callerOf(aPod()));
    await Promise.all(replicas.map((caller) => mount(sourcesOf('kv/a', 'database/creds/x'), caller)));
    const sessionsThatRead = (address: string) =>
      store.reads.filter((read) => read.address === address).map(({ session }) => session);
    assert.equal(sessionsThatRead('kv/a').length, 1);
    assert.equal(new Set(sessionsThatRead('database/creds/x')).size, 3);
    assert.ok(!sessionsThatRead('database/creds/x').includes(sessionsThatRead('kv/a')[0] as number));
    assert.equal(store.logins.length, 4);
  });

  it('is nothing with an unproven pod', async () => {
    const { store, mount } = sharingWorld();
    await mount(sourcesOf('kv/a'));
    store.answer = denyAll;
    assert.deepEqual(await mount(sourcesOf('kv/a'), callerOf(aPod(), { proven: false })), ['secret-denied']);
  });

  it('ends for all when the shared session was lost, with one login for all', async () => {
    const { store, clock, mount } = sharingWorld();
    const replicas = Array.from({ length: 10 }, () => callerOf(aPod()));
    await Promise.all(replicas.map((caller) => mount(sourcesOf('kv/a'), caller)));
    store.answer = (address, session) => {
      if (session === 1) throw denied(address);
      return {};
    };
    clock.time += 60_000;
    const all = await Promise.all(replicas.map((caller) => mount(sourcesOf('kv/a'), caller)));
    assert.deepEqual(all, Array(10).fill(['backend']));
    assert.equal(store.logins.length, 2);
  });
});

describe('a backend that breaks its promise', () => {
  it('by throwing instead of answering does not hold later Mounts up', async () => {
    const { store, mount } = readingWorld();
    const connect = store.backend.connect;
    Object.assign(store.backend, {
      connect: async (...args: Parameters<typeof connect>) => ({
        ...(await connect(...args)),
        read: () => {
          throw new TypeError('canary');
        },
      }),
    });
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(new KeymountError('deadline-exceeded', 'too late')), 2_000);
    assert.deepEqual(await mount(sourcesOf('a'), undefined, deadline.signal), ['internal']);
    assert.deepEqual(await mount(sourcesOf('a'), undefined, deadline.signal), ['internal']);
    clearTimeout(timer);
  });

  it('by leaving out an answer fails that read', async () => {
    const { store, mount } = readingWorld();
    const connect = store.backend.connect;
    Object.assign(store.backend, {
      connect: async (...args: Parameters<typeof connect>) => ({ ...(await connect(...args)), read: () => [] }),
    });
    assert.deepEqual(await mount(sourcesOf('a')), ['internal']);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KeymountError } from '../../../provider/errors.ts';
import type { Source } from '../../../provider/plan/plan.ts';
import type { Caller } from '../../../provider/sessions/caller.ts';
import type { Connections } from '../../../provider/sessions/connections.ts';
import { type ReadOutcome, Reads } from '../../../provider/sessions/reads.ts';
import { Secrets } from '../../../provider/sessions/secrets.ts';
import { createUnkept } from '../../../provider/sessions/unkept.ts';
import { aPod } from '../../lab/pod.ts';
import { callerOf, denied, FakeStore, gate, HandClock, sessionsOf, sourcesOf } from './fake-store.ts';

const never = new AbortController().signal;

function world() {
  const store = new FakeStore();
  const clock = new HandClock();
  const secrets = new Secrets();
  const sessions = sessionsOf(clock, { onEnd: (held) => secrets.purgeAll(held) });
  const connections = { resolve: async () => store.connection } as unknown as Connections;
  const reads = new Reads({ connections, sessions, secrets, keeper: createUnkept(), clock, refreshInterval: 60_000 });
  const pod = callerOf();
  /** One Mount: what became of each source, an error as its code. */
  const mount = async (sources: readonly Source[], caller: Caller = pod, signal = never) =>
    (await reads.readAll(caller, sources, signal)).map(told);
  return { store, clock, secrets, sessions, reads, mount };
}

const told = (outcome: ReadOutcome) => ('error' in outcome ? outcome.error.code : outcome.from);

const fails = (code: KeymountError['code']) => () => {
  throw new KeymountError(code, `it is ${code}`);
};

describe('the reads of a Mount', () => {
  it('are answered in the order of the class, each on its own', async () => {
    const { store, reads } = world();
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
    const { store, mount } = world();
    const { opened, open } = gate();
    store.answer = async () => {
      if (store.reads.length === 5) open();
      await opened;
      return {};
    };
    assert.deepEqual(await mount(sourcesOf('a', 'b', 'c', 'd', 'e')), Array(5).fill('backend'));
  });

  it('are none where there is nothing to read', async () => {
    const { store, mount } = world();
    assert.deepEqual(await mount([]), []);
    assert.equal(store.logins.length, 0);
  });

  it('leave the others alone where one address is malformed', async () => {
    const { store, mount } = world();
    assert.deepEqual(await mount(sourcesOf('a', 'malformed', 'c')), ['backend', 'class-invalid', 'backend']);
    assert.deepEqual(
      store.reads.map(({ address }) => address),
      ['a', 'c'],
    );
  });

  it('never reject, whatever a backend throws', async () => {
    const { store, mount } = world();
    store.answer = () => {
      throw new TypeError('canary');
    };
    assert.deepEqual(await mount(sourcesOf('a')), ['internal']);
    store.atLogin = () => Promise.reject('a text');
    assert.deepEqual(await mount(sourcesOf('a'), callerOf(aPod())), ['internal']);
  });

  it('all have the same failure where there is no session', async () => {
    const { store, reads } = world();
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
    const { store, mount } = world();
    await Promise.all(Array.from({ length: 20 }, () => mount(sourcesOf('a'), callerOf(aPod()))));
    assert.equal(store.logins.length, 20);
    assert.equal(new Set(store.reads.map(({ session }) => session)).size, 20);
  });

  it('of one pod at once are one read', async () => {
    const { store, mount } = world();
    await Promise.all(Array.from({ length: 100 }, () => mount(sourcesOf('a', 'b'))));
    assert.equal(store.logins.length, 1);
    assert.equal(store.reads.length, 2);
  });
});

describe('a read that many wait for', () => {
  const slow = () => {
    const all = world();
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

describe('a secret in memory', () => {
  it("is served for the admin's interval, then read anew", async () => {
    const { clock, mount } = world();
    const sources = sourcesOf('a');
    assert.deepEqual(await mount(sources), ['backend']);
    clock.time += 59_999;
    assert.deepEqual(await mount(sources), ['cache']);
    clock.time += 1;
    assert.deepEqual(await mount(sources), ['backend']);
  });

  it("is served for the class's interval where it has one", async () => {
    const { clock, mount } = world();
    const sources = sourcesOf({ address: 'a', refresh: 5_000 });
    await mount(sources);
    clock.time += 4_999;
    assert.deepEqual(await mount(sources), ['cache']);
    clock.time += 1;
    assert.deepEqual(await mount(sources), ['backend']);
  });

  it('is never served with an interval of 0', async () => {
    const { mount } = world();
    const sources = sourcesOf({ address: 'a', refresh: 0 });
    assert.deepEqual([await mount(sources), await mount(sources)], [['backend'], ['backend']]);
  });

  it('is served as long as its session with `once`, and not longer', async () => {
    const { store, clock, mount } = world();
    store.expires = clock.time + 600_000;
    const sources = sourcesOf({ address: 'a', refresh: 'once' });
    await mount(sources);
    clock.time += 590_000;
    assert.deepEqual(await mount(sources), ['cache']);
    clock.time += 10_000;
    store.expires = undefined;
    assert.deepEqual(await mount(sources), ['backend']);
    assert.equal(store.logins.length, 2);
  });

  it('is not served once it is known to have changed', async () => {
    const { store, clock, mount } = world();
    store.answer = () => ({ goodUntil: clock.time + 1_000 });
    const sources = sourcesOf({ address: 'a', refresh: 'once' });
    await mount(sources);
    clock.time += 999;
    assert.deepEqual(await mount(sources), ['cache']);
    clock.time += 1;
    assert.deepEqual(await mount(sources), ['backend']);
  });

  it('is never served to another pod', async () => {
    const { store, mount } = world();
    const sources = sourcesOf('a');
    await mount(sources);
    assert.deepEqual(await mount(sources, callerOf(aPod())), ['backend']);
    store.answer = fails('secret-denied');
    assert.deepEqual(await mount(sources, callerOf(aPod())), ['secret-denied']);
  });

  it('is of as many kinds as there are requests to its path', async () => {
    const { store, mount } = world();
    const [a, b] = [{ cn: 'a' }, { cn: 'b' }].map((args) => ({ address: 'pki', request: { method: 'PUT', args } }));
    assert.ok(a !== undefined && b !== undefined);
    await mount(sourcesOf(a, b));
    assert.equal(store.reads.length, 2);
  });

  for (const code of ['secret-denied', 'secret-missing', 'secret-deleted'] as const) {
    it(`is forgotten when the backend answers ${code}`, async () => {
      const { store, clock, mount } = world();
      const sources = sourcesOf({ address: 'a', staleOnError: 3_600_000 });
      await mount(sources);
      clock.time += 60_000;
      store.answer = fails(code);
      assert.deepEqual(await mount(sources), [code]);
      store.answer = fails('backend-unreachable');
      assert.deepEqual(await mount(sources), ['backend-unreachable']);
    });
  }
});

describe('an outdated secret', () => {
  for (const code of ['backend-unreachable', 'backend-sealed'] as const) {
    it(`is served while the answer is ${code}, as long as the class allows`, async () => {
      const { store, clock, mount } = world();
      const sources = sourcesOf({ address: 'a', staleOnError: 600_000 });
      await mount(sources);
      store.answer = fails(code);
      clock.time += 60_000;
      assert.deepEqual(await mount(sources), ['stale']);
      clock.time += 599_999;
      assert.deepEqual(await mount(sources), ['stale']);
      clock.time += 1;
      assert.deepEqual(await mount(sources), [code]);
    });
  }

  for (const code of [
    'secret-denied',
    'secret-missing',
    'backend-rejected',
    'backend-reply-invalid',
    'backend-untrusted',
  ] as const) {
    it(`is not served when the answer is ${code}`, async () => {
      const { store, clock, mount } = world();
      const sources = sourcesOf({ address: 'a', staleOnError: 600_000 });
      await mount(sources);
      store.answer = fails(code);
      clock.time += 60_000;
      assert.deepEqual(await mount(sources), [code]);
    });
  }

  it('is not served where the class does not say so', async () => {
    const { store, clock, mount } = world();
    await mount(sourcesOf('a'));
    store.answer = fails('backend-unreachable');
    clock.time += 60_000;
    assert.deepEqual(await mount(sourcesOf('a')), ['backend-unreachable']);
  });
});

describe('a session that lost its authority', () => {
  it('is replaced once for all reads that it was refused', async () => {
    const { store, clock, mount } = world();
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
    const { store, clock, mount } = world();
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
    const { store, mount } = world();
    store.answer = denyAll;
    assert.deepEqual(await mount(sourcesOf('a')), ['secret-denied']);
    assert.equal(store.logins.length, 1);
  });

  it('is not replaced for other failures', async () => {
    const { store, clock, mount } = world();
    await mount(sourcesOf('a'));
    store.answer = fails('backend-unreachable');
    clock.time += 60_000;
    await mount(sourcesOf('a'));
    assert.equal(store.logins.length, 1);
  });

  it('gives the failure of the new login where that fails', async () => {
    const { store, clock, mount } = world();
    await mount(sourcesOf('a'));
    store.answer = denyAll;
    store.atLogin = fails('login-denied');
    clock.time += 60_000;
    assert.deepEqual(await mount(sourcesOf('a')), ['login-denied']);
  });
});

const denyAll = (address: string) => {
  throw denied(address);
};

describe('a path that stays forbidden', () => {
  const denyA = (address: string) => {
    if (address === 'a') throw denied(address);
    return {};
  };

  it('costs at most one extra login in twenty Mounts', async () => {
    const { store, clock, mount } = world();
    store.answer = denyA;
    for (let i = 0; i < 20; i++) {
      assert.deepEqual(await mount(sourcesOf('a', 'b')), ['secret-denied', 'backend']);
      clock.time += 75_000;
    }
    assert.ok(store.logins.length <= 2, `${store.logins.length} logins`);
  });

  it('costs no login more when sessions expire', async () => {
    const { store, clock, mount } = world();
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
    const { store, clock, mount } = world();
    store.answer = denyA;
    const callers = Array.from({ length: 5 }, () => callerOf(aPod()));
    for (let i = 0; i < 10; i++) {
      await Promise.all(callers.map((caller) => mount(sourcesOf('a'), caller)));
      clock.time += 75_000;
    }
    assert.ok(store.logins.length <= 10, `${store.logins.length} logins of 5 pods`);
  });

  it('and is allowed one day is read, also after that session was lost', async () => {
    const { store, clock, mount } = world();
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

describe('what pods of a ServiceAccount share', () => {
  const shared = () => {
    const all = world();
    all.store.scope = 'serviceAccount';
    all.store.accountOf = ({ identity }) => identity.serviceAccountUid;
    all.store.shareable = (address) => address.startsWith('kv/');
    return all;
  };

  it('is one login and one read a minute for 110 replicas', async () => {
    const { store, clock, mount } = shared();
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
    const { store, mount } = shared();
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
    const { store, mount } = shared();
    await mount(sourcesOf('kv/a'));
    store.answer = denyAll;
    assert.deepEqual(await mount(sourcesOf('kv/a'), callerOf(aPod(), { proven: false })), ['secret-denied']);
  });

  it('ends for all when the shared session was lost, with one login for all', async () => {
    const { store, clock, mount } = shared();
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
    const { store, mount } = world();
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
    const { store, mount } = world();
    const connect = store.backend.connect;
    Object.assign(store.backend, {
      connect: async (...args: Parameters<typeof connect>) => ({ ...(await connect(...args)), read: () => [] }),
    });
    assert.deepEqual(await mount(sourcesOf('a')), ['internal']);
  });
});

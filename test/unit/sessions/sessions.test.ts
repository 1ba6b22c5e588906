import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Source } from '../../../provider/plan/plan.ts';
import type { Caller } from '../../../provider/sessions/caller.ts';
import { sessionKeys } from '../../../provider/sessions/session-key.ts';
import { aPod } from '../../lab/pod.ts';
import { SteppedClock } from '../leases/stepped-clock.ts';
import { callerOf, FakeStore, gate, HandClock, sessionsOf, sourcesOf } from './fake-store.ts';

const never = new AbortController().signal;
const [source] = sourcesOf('kv/db') as [Source];

function world(parts: Parameters<typeof sessionsOf>[1] = {}) {
  const store = new FakeStore();
  const clock = new HandClock();
  const sessions = sessionsOf(clock, parts);
  const get = async (caller: Caller, more: Partial<Parameters<typeof sessions.get>[0]> = {}) =>
    (await sessions.get({ connection: store.connection, source, caller, ...more }, never)).held;
  return { store, clock, sessions, get };
}

describe('a session', () => {
  it('is logged in once for a hundred Mounts of a pod at the same time, and used by those after them', async () => {
    const { store, sessions } = world();
    const { opened, open } = gate();
    store.atLogin = () => opened;
    const caller = callerOf();
    const all = Array.from({ length: 100 }, () =>
      sessions.get({ connection: store.connection, source, caller }, never),
    );
    open();
    const ids = new Set((await Promise.all(all)).map(({ held }) => held.id));
    const after = await sessions.get({ connection: store.connection, source, caller }, never);
    assert.equal(ids.size, 1);
    assert.equal(store.logins.length, 1);
    assert.equal(after.fresh, false);
    assert.ok(ids.has(after.held.id));
  });

  const others: [string, (pod: ReturnType<typeof aPod>) => Caller][] = [
    ['another pod of the same ServiceAccount', () => callerOf(aPod())],
    [
      'a ServiceAccount that was made anew under the same name',
      (pod) => callerOf({ ...pod, serviceAccountUid: 'new' }),
    ],
    ['the same pod unproven', (pod) => callerOf(pod, { proven: false })],
    [
      'the same pod with a Secret of nodePublishSecretRef',
      (pod) => callerOf(pod, { publishSecrets: { role_id: 'r' } }),
    ],
    ['the same names in another namespace', (pod) => callerOf({ ...pod, namespace: 'other' })],
  ];
  for (const [who, other] of others) {
    it(`of a pod is not used for ${who}`, async () => {
      const { store, get } = world();
      const pod = aPod();
      assert.notEqual(await get(callerOf(pod)), await get(other(pod)));
      assert.equal(store.logins.length, 2);
    });
  }

  it('is not used for another role, audience or connection', async () => {
    const { store, get } = world();
    const caller = callerOf();
    const access = { connection: { kind: 'named', name: 'prod' } } as const;
    const [, role, audience] = sourcesOf(
      'kv/db',
      { address: 'kv/db', access: { ...access, role: 'x' } },
      { address: 'kv/db', access: { ...access, audience: 'x' } },
    ) as [Source, Source, Source];
    const held = [
      await get(caller),
      await get(caller, { source: role }),
      await get(caller, { source: audience }),
      await get(caller, { connection: store.connectionNamed('test') }),
    ];
    assert.equal(new Set(held).size, 4);
  });

  it('is used for other sources of its access', async () => {
    const { get } = world();
    const caller = callerOf();
    const [, other] = sourcesOf('kv/db', 'kv/other') as [Source, Source];
    assert.equal(await get(caller), await get(caller, { source: other }));
  });

  it('goes when it is over, though its pod never asks again', async () => {
    const { store, clock, sessions, get } = world();
    store.expires = clock.now() + 600_000;
    await get(callerOf());
    await get(callerOf());
    store.expires = clock.now() + 1_200_000;
    await get(callerOf());
    assert.deepEqual(sessions.count(), { account: 0, pod: 3 });
    clock.time += 600_000;
    await get(callerOf());
    assert.deepEqual(sessions.count(), { account: 0, pod: 2 });
    assert.deepEqual(store.closed.toSorted(), [1, 2]);
  });

  it('of a pod outlives its token: kubelet sends another one each hour', async () => {
    const { get } = world();
    const pod = aPod();
    assert.equal(
      await get(callerOf(pod, { tokens: { vault: 'old' } })),
      await get(callerOf(pod, { tokens: { vault: 'new' } })),
    );
  });
});

describe('an unproven pod', () => {
  const unproven = (pod: ReturnType<typeof aPod>, tokens: Record<string, string>) =>
    callerOf(pod, { proven: false, tokens });

  it('never shares a session with another token, though it claims to be the same pod', async () => {
    const { store, get } = world();
    const pod = aPod();
    const sessions = [
      await get(unproven(pod, { vault: 'a' })),
      await get(unproven(pod, { vault: 'b' })),
      await get(unproven(pod, { other: 'a' })),
      await get(unproven(pod, { vault: 'a', other: 'a' })),
      await get(unproven(pod, {})),
    ];
    assert.equal(new Set(sessions).size, 5);
    assert.equal(store.logins.length, 5);
  });

  it('has the session that it logged in for with this very token', async () => {
    const { get } = world();
    const pod = aPod();
    assert.equal(await get(unproven(pod, { vault: 'a' })), await get(unproven(pod, { vault: 'a' })));
  });

  it('never gets the session of its ServiceAccount', async () => {
    const { store, get } = world();
    store.scope = 'serviceAccount';
    store.accountOf = () => aPod().serviceAccountUid;
    const shared = await get(callerOf());
    const own = await get(unproven(aPod(), { vault: 'a' }));
    assert.notEqual(own, shared);
    assert.equal(own.scope, 'pod');
  });

  it('leaves neither token nor secret in a key', () => {
    const { store } = world();
    const caller = callerOf(aPod(), {
      proven: false,
      tokens: { vault: 'canary-token' },
      publishSecrets: { secret_id: 'canary-secret' },
    });
    assert.doesNotMatch(JSON.stringify(sessionKeys(store.connection, source, caller)), /canary/);
  });
});

describe('the session of a ServiceAccount', () => {
  const shared = () => {
    const all = world();
    all.store.scope = 'serviceAccount';
    all.store.accountOf = ({ identity }) => identity.serviceAccountUid;
    return all;
  };

  it('is shared by its pods where the backend says itself that it logged the ServiceAccount in', async () => {
    const { store, get, sessions } = shared();
    const held = await Promise.all(Array.from({ length: 50 }, () => get(callerOf(aPod()))));
    assert.equal(new Set(held).size, 1);
    assert.equal(held[0]?.scope, 'serviceAccount');
    assert.equal(store.logins.length, 1);
    assert.deepEqual(sessions.count(), { account: 1, pod: 0 });
  });

  it('is not shared between ServiceAccounts', async () => {
    const { get } = shared();
    assert.notEqual(
      await get(callerOf(aPod({ serviceAccount: 'a' }))),
      await get(callerOf(aPod({ serviceAccount: 'b' }))),
    );
  });

  for (const [what, uid] of [
    ['nothing', undefined],
    ['somebody else', 'another uid'],
  ] as const) {
    it(`is none where the backend says ${what} of whom it logged in: each pod has its own`, async () => {
      const { store, get } = shared();
      store.accountOf = () => uid;
      const held = await Promise.all([get(callerOf(aPod())), get(callerOf(aPod())), get(callerOf(aPod()))]);
      assert.equal(new Set(held).size, 3);
      assert.ok(held.every(({ scope }) => scope === 'pod'));
      assert.equal(store.logins.length, 3);
    });
  }

  it('is not given to a pod that wants its own', async () => {
    const { get } = shared();
    const pod = callerOf();
    const account = await get(pod);
    const own = await get(pod, { ownOnly: true });
    assert.notEqual(own, account);
    assert.equal(own.scope, 'pod');
    assert.equal(await get(pod, { ownOnly: true }), own);
    assert.equal(await get(pod), account);
  });
});

describe('the token of a session that was replaced', () => {
  for (const [what, idOf, ended] of [
    ['is ended', (session: number) => `token ${session}`, [1]],
    ['is left where the new session has the same', () => 'one token', []],
  ] as const) {
    it(what, async () => {
      const clock = new SteppedClock();
      const store = new FakeStore();
      const revoked: number[] = [];
      store.tenure = (session) => ({
        id: idOf(session),
        renewable: true,
        renew: () => assert.fail('nothing is renewed here'),
        revoke: async () => void revoked.push(session),
        toState: () => ({}),
      });
      const sessions = sessionsOf(clock, { maxAge: 60_000, mountTimeout: 10_000 });
      const get = async () =>
        await sessions.get({ connection: store.connection, source, caller: callerOf(pod) }, never);
      const pod = aPod();
      await get();
      await clock.pass(59_000);
      await get();
      assert.equal(store.logins.length, 2);
      await clock.pass(49_000);
      assert.deepEqual(revoked, []);
      await clock.pass(2_000);
      assert.deepEqual(revoked, ended);
    });
  }

  it('is left when another process goes on with it', async () => {
    const clock = new SteppedClock();
    const store = new FakeStore();
    const revoked: number[] = [];
    store.tenure = (session) => ({
      id: `token ${session}`,
      renewable: true,
      renew: () => assert.fail('nothing is renewed here'),
      revoke: async () => void revoked.push(session),
      toState: () => ({}),
    });
    const sessions = sessionsOf(clock, { maxAge: 60_000 });
    const pod = aPod();
    for (const _ of [1, 2]) {
      await sessions.get({ connection: store.connection, source, caller: callerOf(pod) }, never);
      await clock.pass(60_000);
    }
    sessions.letGo();
    await clock.pass(600_000);
    assert.deepEqual(revoked, []);
  });
});

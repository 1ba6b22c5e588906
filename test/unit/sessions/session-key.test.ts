import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Source } from '../../../provider/plan/plan.ts';
import type { Caller } from '../../../provider/sessions/caller.ts';
import { sessionKeys } from '../../../provider/sessions/session-key.ts';
import { aPod } from '../../lab/pod.ts';
import { callerOf, FakeStore, sourcesOf } from './fake-store.ts';

const store = new FakeStore();
store.scope = 'serviceAccount';
const [source] = sourcesOf('a') as [Source];
const keysOf = (caller: Caller, of: Source = source, name = 'prod') =>
  sessionKeys(store.connectionNamed(name), of, caller);

describe('the keys of sessions', () => {
  it('are the same for all Mounts of a proven pod, whatever token it shows', () => {
    const pod = aPod();
    assert.deepEqual(keysOf(callerOf(pod)), keysOf(callerOf(pod, { tokens: { vault: 'the next one' } })));
  });

  it('have one for the ServiceAccount, the same for all its proven pods', () => {
    const [a, b] = [keysOf(callerOf(aPod())), keysOf(callerOf(aPod()))];
    assert.equal(a.account, b.account);
    assert.notEqual(a.account, undefined);
    assert.notEqual(a.pod, b.pod);
  });

  it('differ in every part of what is proven', () => {
    const pod = aPod({ uid: 'u' });
    const others = [
      { ...pod, namespace: 'pay' },
      { ...pod, serviceAccount: 'other' },
      { ...pod, serviceAccountUid: 'made anew' },
    ];
    const all = [pod, ...others].map((each) => keysOf(callerOf(each)));
    assert.equal(new Set(all.map(({ account }) => account)).size, 4);
    assert.equal(new Set(all.map(({ pod: own }) => own)).size, 4);
  });

  it('have none for the ServiceAccount of a pod that is not proven, comes with a Secret, or logs in as itself', () => {
    assert.equal(keysOf(callerOf(aPod(), { proven: false })).account, undefined);
    assert.equal(keysOf(callerOf(aPod(), { publishSecrets: { role_id: 'r' } })).account, undefined);
    const own = new FakeStore();
    assert.equal(sessionKeys(own.connection, source, callerOf(aPod())).account, undefined);
  });

  it('of an unproven pod are those of the very tokens that it shows, audience by audience', () => {
    const pod = aPod();
    const shown: Record<string, string>[] = [
      { vault: 'a' },
      { vault: 'b' },
      { openbao: 'a' },
      { vault: 'a', openbao: 'b' },
      { 'vault","a': '' },
      {},
    ];
    const keys = shown.map((tokens) => keysOf(callerOf(pod, { proven: false, tokens })).pod);
    assert.equal(new Set(keys).size, shown.length);
    assert.ok(!keys.includes(keysOf(callerOf(pod)).pod), 'it has the key of a proven pod');
  });

  it('differ with the Secret of nodePublishSecretRef, proven or not', () => {
    const pod = aPod();
    const secrets: Record<string, string>[] = [{ role_id: 'a' }, { role_id: 'b' }, { secret_id: 'a' }, {}];
    const keys = [true, false].flatMap((proven) =>
      secrets.map((publishSecrets) => keysOf(callerOf(pod, { proven, publishSecrets })).pod),
    );
    assert.equal(new Set(keys).size, 8);
  });

  it('cannot be made those of another by names with spaces, quotes and brackets', () => {
    const victim = keysOf(callerOf(aPod({ uid: 'v' })));
    for (const evil of ['v ["shop","web"', 'v', `${victim.pod}`, `v account ["shop"]`, '"', '\\']) {
      const keys = [
        keysOf(callerOf(aPod({ uid: evil, namespace: 'evil' }))),
        keysOf(callerOf(aPod({ uid: 'v', namespace: evil }))),
        keysOf(callerOf(aPod({ uid: 'v', serviceAccount: evil }))),
      ];
      for (const { pod, account } of keys) {
        assert.notEqual(pod, victim.pod);
        assert.notEqual(account, victim.account);
        assert.notEqual(pod, victim.account);
      }
    }
  });

  it('differ with connection, role and audience, which a class chooses', () => {
    const caller = callerOf(aPod());
    const access = (more: object): Source =>
      sourcesOf({ address: 'a', access: { connection: { kind: 'named', name: 'prod' }, ...more } })[0] as Source;
    const keys = [
      keysOf(caller),
      keysOf(caller, source, 'other'),
      keysOf(caller, access({ role: 'r' })),
      keysOf(caller, access({ audience: 'r' })),
      keysOf(caller, access({ role: 'r","audience":"r' })),
      keysOf(caller, access({ role: 'r', audience: 'r' })),
    ];
    assert.equal(new Set(keys.map(({ account }) => account)).size, keys.length);
    assert.equal(new Set(keys.map(({ pod }) => pod)).size, keys.length);
    assert.equal(new Set(keys.map(({ login }) => login)).size, keys.length);
  });
});

import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { formatError, KeymountError } from '../../../provider/errors.ts';
import type { PodTokens } from '../../../provider/kube/pod-token.ts';
import type { Source } from '../../../provider/plan/plan.ts';
import type { Caller } from '../../../provider/sessions/caller.ts';
import type { Held, SessionsOptions } from '../../../provider/sessions/sessions.ts';
import { SecretString } from '../../../provider/util/secret-string.ts';
import { aPod } from '../../lab/pod.ts';
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

describe('the end of a session', () => {
  it('comes before its token expires: what it reads must still be answered', async () => {
    const { store, clock, get } = world();
    const caller = callerOf();
    store.expires = clock.time + 10_000;
    const first = await get(caller);
    clock.time += 7_999;
    assert.equal(await get(caller), first);
    clock.time += 1;
    store.expires = clock.time + 10_000;
    assert.notEqual(await get(caller), first);
    assert.deepEqual(store.closed, [1]);
  });

  it('comes at the greatest age, so that changed roles take effect', async () => {
    const { clock, get } = world({ maxAge: 60_000 });
    const caller = callerOf();
    const first = await get(caller);
    clock.time += 57_999;
    assert.equal(await get(caller), first);
    clock.time += 1;
    assert.notEqual(await get(caller), first);
  });

  it('comes for the least recently used of too many', async () => {
    const { store, get } = world({ max: 3 });
    const callers = Array.from({ length: 4 }, () => callerOf(aPod()));
    const ended: number[] = [];
    for (const caller of callers) ended.push((await get(caller)).id);
    assert.deepEqual(store.closed, [1]);
  });

  it('is told once, and closes it', async () => {
    const ended: Held[] = [];
    const { store, sessions, get } = world({ onEnd: (held) => ended.push(held) });
    const held = await get(callerOf());
    sessions.close();
    sessions.close();
    assert.deepEqual(ended, [held]);
    assert.deepEqual(store.closed, [1]);
  });
});

describe('a login', () => {
  it('that fails is not remembered', async () => {
    const { store, get } = world();
    const caller = callerOf();
    store.atLogin = async () => {
      throw new KeymountError('login-denied', 'no');
    };
    await assert.rejects(get(caller), { code: 'login-denied' });
    store.atLogin = async () => {};
    await get(caller);
    assert.equal(store.logins.length, 2);
  });

  it('that many wait for goes on when one of them gives up', async () => {
    const { store, sessions } = world();
    const { opened, open } = gate();
    let signal: AbortSignal | undefined;
    store.atLogin = (_login, own) => {
      signal = own;
      return opened;
    };
    const caller = callerOf();
    const hasty = new AbortController();
    const wish = { connection: store.connection, source, caller };
    const [gaveUp, waited] = [sessions.get(wish, hasty.signal), sessions.get(wish, never)];
    hasty.abort(new Error('in a hurry'));
    await assert.rejects(gaveUp, /in a hurry/);
    assert.equal(signal?.aborted, false);
    open();
    assert.equal((await waited).held.id, 1);
    assert.equal(store.logins.length, 1);
  });

  it('that nobody waits for any more is aborted, and the next one starts anew', async () => {
    const { store, sessions, get } = world();
    let signal: AbortSignal | undefined;
    store.atLogin = (_login, own) => {
      signal = own;
      return new Promise((_resolve, reject) => own.addEventListener('abort', () => reject(own.reason)));
    };
    const caller = callerOf();
    const hasty = new AbortController();
    const gaveUp = sessions.get({ connection: store.connection, source, caller }, hasty.signal);
    hasty.abort(new Error('in a hurry'));
    await assert.rejects(gaveUp, /in a hurry/);
    assert.equal(signal?.aborted, true);
    store.atLogin = async () => {};
    await get(caller);
    assert.equal(store.logins.length, 2);
  });

  it('in place of a lost session is one for all who lost it', async () => {
    const { store, sessions, get } = world();
    const caller = callerOf();
    const wish = { connection: store.connection, source, caller };
    const lost = await get(caller);
    const renewed = await Promise.all(Array.from({ length: 20 }, () => sessions.replace(lost, wish, never)));
    assert.equal(new Set(renewed).size, 1);
    assert.equal(store.logins.length, 2);
    assert.equal(await sessions.replace(lost, wish, never), renewed[0]);
    assert.equal(store.logins.length, 2);
    assert.equal(await get(caller), renewed[0]);
  });
});

describe('the token of a login', () => {
  const loginOf = async (caller: Caller, podTokens?: PodTokens) => {
    const { store, get } = world({ podTokens });
    await get(caller);
    return store.logins[0] as (typeof store.logins)[0];
  };

  it('is that of the driver for the wanted audience', async () => {
    const login = await loginOf(callerOf(aPod(), { tokens: { vault: 'jwt-v', other: 'jwt-o' } }));
    assert.equal((await login.token('vault', never)).reveal(), 'jwt-v');
  });

  it('is asked for from the API server where the driver sent none', async () => {
    const asked: unknown[] = [];
    const podTokens = {
      get: async (identity: unknown, wanted: unknown) => {
        asked.push([identity, wanted]);
        return new SecretString('requested');
      },
    } as unknown as PodTokens;
    const caller = callerOf(aPod(), { tokens: { other: 'jwt-o' } });
    const login = await loginOf(caller, podTokens);
    assert.equal((await login.token('vault', never)).reveal(), 'requested');
    assert.deepEqual(asked, [[caller.identity, { driver: 'vault', request: undefined }]]);
  });

  describe('through which something may be issued', () => {
    const given = new SecretString('requested');
    const rules = { leaseTokenSeconds: 86_400 };
    let asked: unknown[];
    let podTokens: PodTokens;
    beforeEach(() => {
      asked = [];
      podTokens = {
        get: async () => new SecretString('usual'),
        request: async (_pod: unknown, audience: unknown, seconds: unknown) => {
          asked.push([audience, seconds]);
          return given;
        },
      } as unknown as PodTokens;
    });

    const tokenOf = async (caller: Caller, more: Partial<SessionsOptions> = {}, ownOnly = true, lasting = true) => {
      const { store, sessions } = world({ podTokens, ...rules, ...more });
      await sessions.get({ connection: store.connection, source, caller, ownOnly }, never);
      const token = await store.logins[0]?.token('vault', never, { lasting });
      return token?.reveal();
    };
    const sent = callerOf(aPod(), { tokens: { vault: 'of the driver' } });

    it('is a lasting one, of the audience that the driver sent one for', async () => {
      assert.equal(await tokenOf(sent), 'requested');
      assert.deepEqual(asked, [['vault', 86_400]]);
    });

    it('lives for an hour at most where it is good at the API server', async () => {
      assert.equal(await tokenOf(callerOf(aPod(), { tokens: { other: 'jwt' } })), 'requested');
      assert.deepEqual(asked, [[undefined, 3_600]]);
    });

    it('is that of the driver where none lasts', async () => {
      podTokens = { ...podTokens, request: async () => Promise.reject(new Error('forbidden')) };
      assert.equal(await tokenOf(sent), 'of the driver');
    });

    it('is that of the driver for an unproven pod, for what pods share, where nobody wants another, and where none may be asked for', async () => {
      const unproven = callerOf(aPod(), { tokens: { vault: 'of the driver' }, proven: false });
      assert.deepEqual(
        [
          await tokenOf(unproven),
          await tokenOf(sent, {}, false),
          await tokenOf(sent, {}, true, false),
          await tokenOf(sent, { leaseTokenSeconds: 0 }),
          await tokenOf(sent, { podTokens: undefined }),
        ],
        Array.from({ length: 5 }, () => 'of the driver'),
      );
      assert.deepEqual(asked, []);
    });

    it('is given up with its Mount, and no other one taken for it', async () => {
      const mount = new AbortController();
      const request = async () => {
        mount.abort(new Error('given up'));
        throw new Error('aborted');
      };
      const { store, sessions } = world({ podTokens: { ...podTokens, request }, ...rules });
      await sessions.get({ connection: store.connection, source, caller: sent, ownOnly: true }, never);
      const token = store.logins[0]?.token('vault', mount.signal, { lasting: true });
      await assert.rejects(async () => await token, /given up/);
    });
  });

  it('that is missing is an error with the audiences that there are, and no token', async () => {
    const login = await loginOf(callerOf(aPod(), { tokens: { 'https://a': 'canary-jwt' } }));
    await assert.rejects(login.token('vault', never), (error: KeymountError) => {
      assert.equal(error.code, 'token-missing');
      const text = formatError(error);
      assert.match(text, /vault/);
      assert.match(text, /"https:\/\/a"/);
      assert.doesNotMatch(text, /canary-jwt/);
      return true;
    });
  });
});

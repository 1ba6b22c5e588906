import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Lease, Renewal } from '../../../provider/backends/backend.ts';
import { KeymountError } from '../../../provider/errors.ts';
import { bornAt } from '../../../provider/leases/life.ts';
import { LoginEnds } from '../../../provider/leases/login-ends.ts';
import { Maxima } from '../../../provider/leases/maxima.ts';
import { type Leased, Tenant } from '../../../provider/leases/tenant.ts';
import type { Held } from '../../../provider/sessions/sessions.ts';
import { SteppedClock } from './stepped-clock.ts';

const whose = { namespace: 'shop', server: undefined, isStrangers: false };

describe('a tenant', () => {
  let clock: SteppedClock;
  let renewals: string[];
  let told: string[];
  let answer: (lease: Lease | undefined, signal: AbortSignal) => Promise<Renewal> | Renewal;
  let tenant: Tenant;

  function open({ token = 3_600, leases = [600] }: { token?: number; leases?: number[] } = {}) {
    const place = {
      id: 'id',
      sessionKey: 'session',
      loginKey: 'login',
      podUid: 'uid',
      held: {} as Held,
      ...whose,
    };
    const tenure = {
      id: 'token',
      renewable: true,
      renew: async (lease: Lease | undefined, signal: AbortSignal) => {
        renewals.push(`${(clock.time - 1_000_000) / 1000} ${lease?.id ?? 'token'}`);
        return await answer(lease, signal);
      },
      revoke: async () => {},
      toState: () => ({}),
    };
    tenant = new Tenant(
      place,
      tenure,
      bornAt(clock.time, token, true),
      leases.map((ttl, index): [string, Leased] => [`key${index}`, aLeased(ttl, index)]),
      {
        clock,
        random: () => 0,
        renewalPercent: 67,
        maxima: new Maxima(clock.now),
        loginEnds: new LoginEnds(clock.now),
        onLoginEnded: () => void told.push('login-ended'),
        onRenewal: (_tenant, what, error) => void told.push(error === undefined ? what : `${what} ${error.code}`),
      },
    );
  }

  function aLeased(ttl: number, index: number): Leased {
    const lease = { id: `lease${index}`, duration: ttl, renewable: true };
    const secret = { version: '', size: 1, lease };
    return {
      cached: { secret, number: 1, readAt: clock.time },
      bytes: 1,
      volume: 'v',
      life: bornAt(clock.time, ttl, true),
      lost: false,
      jitter: 0,
    };
  }

  beforeEach(() => {
    clock = new SteppedClock();
    [renewals, told] = [[], []];
    answer = (lease) => ({ duration: lease === undefined ? 3_600 : 600, renewable: true });
  });

  it('renews each at its own time, the token as well', async () => {
    open({ token: 1_000, leases: [600, 300] });
    answer = (lease) => ({
      duration: lease?.id === 'lease1' ? 300 : lease === undefined ? 1_000 : 600,
      renewable: true,
    });
    await clock.pass(700_000);
    assert.deepEqual(renewals, ['201 lease1', '402 lease0', '402 lease1', '603 lease1', '670 token']);
  });

  it('says when the next renewal is', async () => {
    open();
    assert.equal(tenant.nextRenewal(), 1_000_000 + 402_000);
    tenant.stop();
    assert.equal(tenant.nextRenewal(), undefined);
  });

  it('takes up what is added, also while it sleeps for longer', async () => {
    open({ leases: [] });
    await clock.pass(10_000);
    tenant.add('new', aLeased(1_000, 9));
    await clock.pass(700_000);
    assert.deepEqual(renewals, ['680 lease9']);
  });

  it('renews what took the place of another, and that one no more', async () => {
    open();
    await clock.pass(400_000);
    tenant.add('key0', aLeased(600, 7));
    await clock.pass(402_000);
    assert.deepEqual(renewals, ['802 lease7']);
  });

  it('counts a renewal from before it was asked for, for the answer may take its time', async () => {
    open();
    answer = async () => {
      await clock.sleep(20_000);
      return { duration: 600, renewable: true };
    };
    await clock.pass(430_000);
    assert.equal(tenant.leased.get('key0')?.life.end, 1_000_000 + 402_000 + 600_000);
  });

  it('does not take an answer that never comes for a refusal', async () => {
    open();
    answer = () => {
      throw new KeymountError('deadline-exceeded', 'the time for it ran out');
    };
    await clock.pass(403_000);
    assert.equal(tenant.leased.get('key0')?.life.renewable, true);
    answer = () => ({ duration: 600, renewable: true });
    await clock.pass(60_000);
    assert.deepEqual(told.slice(-1), ['lease']);
  });

  it('stops trying when the lease has ended, and does not ask for others in vain', async () => {
    open({ token: 72_000 });
    answer = () => {
      throw new KeymountError('backend-unreachable', 'nobody answers');
    };
    await clock.pass(900_000);
    const after = renewals.filter((line) => Number(line.split(' ')[0]) > 631);
    assert.deepEqual(after, []);
    assert.ok(renewals.length > 8);
    assert.equal(tenant.leased.get('key0')?.life.renewable, false);
  });

  it('has nothing left when the token is lost', async () => {
    open({ token: 300 });
    answer = () => {
      throw new KeymountError('lease-lost', 'it is gone');
    };
    await clock.pass(5_000_000);
    assert.deepEqual(renewals, ['201 token']);
    assert.equal(tenant.lost, true);
    assert.equal(tenant.leased.get('key0')?.lost, true);
  });

  it('gives a renewal up when it is stopped, and tells nothing of it', async () => {
    open();
    let given: AbortSignal | undefined;
    answer = (_lease, signal) =>
      new Promise((_resolve, reject) => {
        given = signal;
        signal.addEventListener('abort', () => reject(signal.reason));
      });
    await clock.pass(402_000);
    tenant.stop();
    await clock.pass(1_000_000);
    assert.equal(given?.aborted, true);
    assert.deepEqual(told, []);
    assert.equal(clock.sleepers, 0);
  });

  it('leaves alone what took the place of a lease while that was renewed', async () => {
    let answered = () => {};
    open({ leases: [600] });
    answer = async (lease) => {
      if (lease !== undefined) await new Promise<void>((resolve) => (answered = resolve));
      return { duration: 60, renewable: false };
    };
    await clock.pass(410_000);
    const fresh = aLeased(600, 1);
    tenant.add('key0', fresh);
    const before = [fresh.life, tenant.nextRenewal()];
    answered();
    await clock.pass(0);
    assert.deepEqual([fresh.life, tenant.nextRenewal()], before);
    assert.deepEqual(told, []);
  });

  it('does not call lost what took the place of a lease that was', async () => {
    let refuse = (_error: Error) => {};
    open({ leases: [600] });
    answer = async (lease) => {
      if (lease !== undefined) await new Promise((_resolve, reject) => (refuse = reject));
      return { duration: 600, renewable: true };
    };
    await clock.pass(410_000);
    tenant.add('key0', aLeased(600, 1));
    refuse(new KeymountError('lease-lost', 'gone'));
    await clock.pass(0);
    assert.deepEqual([told, [...tenant.leased.values()].map(({ lost }) => lost)], [[], [false]]);
  });
});

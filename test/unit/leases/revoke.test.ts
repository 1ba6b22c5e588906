import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { KeymountError } from '../../../provider/errors.ts';
import { Debts } from '../../../provider/leases/debts.ts';
import { bornAt } from '../../../provider/leases/life.ts';
import { revokeTenant } from '../../../provider/leases/revoke.ts';
import type { Tenant } from '../../../provider/leases/tenant.ts';
import { Semaphore } from '../../../provider/util/semaphore.ts';
import { SteppedClock } from './stepped-clock.ts';

describe('a revocation', () => {
  let clock: SteppedClock;
  let tries: number[];
  let failed: string[];
  let shrunk: number[];
  let stop: AbortController;
  let turns: Semaphore;
  let fails: KeymountError | undefined;
  let takenBack: string[];
  let debts: Debts;
  let takeBack: (serial: string) => KeymountError | undefined;
  beforeEach(() => {
    clock = new SteppedClock();
    [tries, failed, shrunk] = [[], [], []];
    stop = new AbortController();
    turns = new Semaphore(4);
    fails = undefined;
    takenBack = [];
    debts = new Debts();
    takeBack = () => undefined;
  });
  const owes = (serial: string, seconds: number) =>
    debts.add({ version: '', size: 1, takeBack: { serial }, notAfter: clock.time + seconds * 1000 });

  function revoke(ttl = 1_000_000, takes = 0): ReturnType<typeof revokeTenant> {
    const tenure = {
      takeBack: async ({ serial }: { serial: string }) => {
        takenBack.push(`${(clock.time - 1_000_000) / 1000} ${serial}`);
        const error = takeBack(serial);
        if (error !== undefined) throw error;
      },
      revoke: async () => {
        tries.push((clock.time - 1_000_000) / 1000);
        if (takes > 0) await clock.sleep(takes);
        if (fails !== undefined) throw fails;
      },
    };
    const tenant = { tenure, token: bornAt(clock.time, ttl, true), debts } as unknown as Tenant;
    const onFailed = (error: KeymountError) => void failed.push(`${(clock.time - 1_000_000) / 1000} ${error.code}`);
    const onFirstFailed = async () => void shrunk.push((clock.time - 1_000_000) / 1000);
    const deps = { clock, wall: clock.now, random: () => 0.5, turns, onFailed, onFirstFailed, stop: stop.signal };
    return revokeTenant(tenant, deps);
  }

  it('is done at once where the server answers', async () => {
    const done = revoke();
    await clock.pass(400);
    assert.equal(await done, 'revoked');
    assert.deepEqual(tries, [0]);
  });

  it('is done where the server does not know the token any more', async () => {
    fails = new KeymountError('lease-lost', 'gone');
    assert.equal(await revoke(), 'revoked');
    assert.deepEqual(failed, []);
  });

  it('is tried twelve times in seven minutes, counted, and again after ten minutes', async () => {
    fails = new KeymountError('backend-unreachable', 'nobody answers');
    const done = revoke();
    await clock.pass(1_100_000);
    assert.deepEqual(tries.slice(0, 13), [0, 1, 3, 7, 15, 31, 63, 123, 183, 243, 303, 363, 963]);
    assert.deepEqual(failed, ['363 backend-unreachable']);
    fails = undefined;
    await clock.pass(60_000);
    assert.equal(await done, 'revoked');
  });

  it('that is refused is counted at once, and tried again every ten minutes: a policy can be mended', async () => {
    fails = new KeymountError('backend-rejected', 'refused');
    const done = revoke();
    await clock.pass(1_300_000);
    assert.deepEqual(tries, [0, 600, 1_200]);
    assert.equal(failed.length, 3);
    fails = undefined;
    await clock.pass(600_000);
    assert.equal(await done, 'revoked');
  });

  it('is over when the token has ended by itself', async () => {
    fails = new KeymountError('backend-unreachable', 'nobody answers');
    const done = revoke(100);
    await clock.pass(100_000);
    assert.equal(await done, 'ended');
    assert.deepEqual(tries, [0, 1, 3, 7, 15, 31, 63]);
    assert.deepEqual(failed, []);
  });

  it('does not come at once with those of many other pods: four each 0.4 s', async () => {
    const all = Promise.all(Array.from({ length: 40 }, () => revoke()));
    await clock.pass(399);
    assert.equal(tries.length, 4);
    await clock.pass(3_601);
    assert.deepEqual(new Set(await all), new Set(['revoked']));
    assert.deepEqual([...new Set(tries)], [0, 0.4, 0.8, 1.2, 1.6, 2, 2.4, 2.8, 3.2, 3.6]);
  });

  it('never sleeps for less than nothing, also when the token ended during a try', async () => {
    const slept: number[] = [];
    const { sleep } = clock;
    clock.sleep = (ms, signal) => {
      slept.push(ms);
      return sleep(ms, signal);
    };
    fails = new KeymountError('backend-unreachable', 'nobody answers');
    const done = revoke(100, 200_000);
    await clock.pass(1_000_000);
    assert.equal(await done, 'ended');
    assert.deepEqual(
      slept.filter((ms) => ms < 0),
      [],
    );
  });

  it('is left to the next process when this one stops', async () => {
    fails = new KeymountError('backend-unreachable', 'nobody answers');
    const done = revoke();
    await clock.pass(20_000);
    stop.abort(null);
    assert.equal(await done, 'stopped');
    assert.equal(clock.sleepers, 0);
  });

  describe('of a token with certificates', () => {
    it('begins with them, but for those that ended', async () => {
      owes('old', 0);
      owes('two', 200);
      owes('one', 100);
      const done = revoke();
      await clock.pass(400);
      assert.equal(await done, 'revoked');
      assert.deepEqual([takenBack, tries], [['0 one', '0 two'], [0]]);
      assert.equal(debts.size, 0);
    });

    it('does not wait for one that is refused, which is told', async () => {
      owes('one', 100);
      owes('two', 200);
      takeBack = (serial) => (serial === 'one' ? new KeymountError('backend-rejected', 'refused') : undefined);
      const done = revoke();
      await clock.pass(400);
      assert.equal(await done, 'revoked');
      assert.deepEqual([takenBack, tries, failed], [['0 one', '0 two'], [0], ['0 backend-rejected']]);
    });

    it('tries one whose server is away again, and gives it up after a round', async () => {
      owes('one', 100_000);
      takeBack = () => new KeymountError('backend-unreachable', 'away');
      const done = revoke();
      await clock.pass(500_000);
      assert.equal(await done, 'revoked');
      assert.equal(takenBack.length, 12);
      assert.deepEqual([tries.length, failed.length], [1, 1]);
      assert.match(failed[0] ?? '', /backend-unreachable/);
    });

    it('that ended by itself tells of them', async () => {
      owes('one', 100);
      assert.equal(await revoke(-1), 'ended');
      assert.deepEqual([failed, takenBack], [['0 lease-lost'], []]);
    });
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { every, systemClock } from '../../../provider/util/clock.ts';
import { SteppedClock } from '../leases/stepped-clock.ts';

/** Has the promise ended after all that is due now has run? */
async function isSettled(promise: Promise<void>): Promise<boolean> {
  let settled = false;
  const settle = () => {
    settled = true;
  };
  promise.then(settle, settle);
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  return settled;
}

describe('the clock of the system', () => {
  it('tells milliseconds since 1970', () => {
    const before = Date.now();
    const now = systemClock.now();
    assert.ok(now >= before && now <= Date.now());
  });

  it('wakes after the time and not before', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const sleep = systemClock.sleep(1000);
    t.mock.timers.tick(999);
    assert.equal(await isSettled(sleep), false);
    t.mock.timers.tick(1);
    assert.equal(await isSettled(sleep), true);
  });

  it('sleeps longer than a timer can', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const longest = 2 ** 31 - 1;
    const sleep = systemClock.sleep(2 * longest + 5);
    for (let step = 0; step < 2; step++) {
      t.mock.timers.tick(longest);
      assert.equal(await isSettled(sleep), false);
    }
    t.mock.timers.tick(5);
    assert.equal(await isSettled(sleep), true);
  });

  it('rejects with the reason of a signal, before and while it sleeps', async () => {
    const reason = new Error('gone');
    await assert.rejects(systemClock.sleep(60_000, AbortSignal.abort(reason)), reason);
    const controller = new AbortController();
    const sleep = systemClock.sleep(60_000, controller.signal);
    controller.abort(reason);
    await assert.rejects(sleep, reason);
  });

  it('leaves no listener on the signal of a sleep that ended', async () => {
    const controller = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = controller.signal;
    controller.signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listeners++;
      addEventListener.apply(controller.signal, args);
    };
    controller.signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listeners--;
      removeEventListener.apply(controller.signal, args);
    };
    await systemClock.sleep(1, controller.signal);
    assert.equal(listeners, 0);
  });
});

describe('what is called every so often', () => {
  it('is called after each time, until it is stopped', async () => {
    const clock = new SteppedClock();
    const start = clock.now();
    const calls: number[] = [];
    const stop = every(clock, 100, () => void calls.push(clock.now() - start));
    await clock.pass(350);
    assert.deepEqual(calls, [100, 200, 300]);
    stop();
    await clock.pass(1_000);
    assert.equal(calls.length, 3);
    assert.equal(clock.sleepers, 0);
  });

  it('may stop itself', async () => {
    const clock = new SteppedClock();
    const stop = every(clock, 100, () => stop());
    await clock.pass(1_000);
    assert.equal(clock.sleepers, 0);
  });
});

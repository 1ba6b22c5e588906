import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Clock } from '../../../provider/util/clock.ts';
import { deadlineOf, startDeadline } from '../../../provider/util/deadline.ts';

/** A clock whose one sleeper a test wakes. */
function handClock() {
  const sleeps: { ms: number; wake: () => void; signal: AbortSignal | undefined }[] = [];
  const clock: Clock = {
    now: () => 1_000,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason));
        sleeps.push({ ms, wake: resolve, signal });
      }),
  };
  return { clock, sleeps };
}

describe('a deadline', () => {
  it('aborts when the time has come, with a reason that is made then', async () => {
    const { clock, sleeps } = handClock();
    let made = 0;
    const { signal } = startDeadline(clock, 1_500, () => new Error(`late ${++made}`));
    assert.equal(sleeps[0]?.ms, 500);
    assert.equal(signal.aborted, false);
    assert.equal(made, 0);
    sleeps[0]?.wake();
    await new Promise(setImmediate);
    assert.equal(signal.aborted, true);
    assert.equal(signal.reason.message, 'late 1');
  });

  for (const at of [1_000, 999, 0, Number.NEGATIVE_INFINITY]) {
    it(`at ${at} is over at once at 1000`, () => {
      const { clock, sleeps } = handClock();
      const { signal } = startDeadline(clock, at, () => new Error('late'));
      assert.equal(signal.aborted, true);
      assert.equal(sleeps.length, 0);
    });
  }

  it('aborts early with the reason that it is given, and once', async () => {
    const { clock, sleeps } = handClock();
    const { signal, abort } = startDeadline(clock, 1_500, () => new Error('late'));
    abort(new Error('given up'));
    sleeps[0]?.wake();
    await new Promise(setImmediate);
    assert.equal(signal.reason.message, 'given up');
  });

  it('stops its timer when the work is done, and aborts nothing any more', async () => {
    const { clock, sleeps } = handClock();
    const { signal, end } = startDeadline(clock, 1_500, () => new Error('late'));
    end();
    end();
    assert.equal(sleeps[0]?.signal?.aborted, true);
    await new Promise(setImmediate);
    assert.equal(signal.aborted, false);
  });

  it('tells from its signal when it comes; other signals have none', () => {
    const { clock } = handClock();
    assert.equal(deadlineOf(startDeadline(clock, 1_500, () => new Error('late')).signal), 1_500);
    assert.equal(deadlineOf(new AbortController().signal), Number.POSITIVE_INFINITY);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KeymountError } from '../../../provider/errors.ts';
import type { Outcome } from '../../../provider/net/request.ts';
import { isTransientStatus, retryAfter, retrying } from '../../../provider/net/retry.ts';
import type { Clock } from '../../../provider/util/clock.ts';
import { startDeadline } from '../../../provider/util/deadline.ts';

const signal = new AbortController().signal;

/** A clock on which sleeping takes no time but is remembered. */
function steppingClock(start = 1_000_000): { clock: Clock; slept: number[]; pass: (ms: number) => void } {
  let now = start;
  const slept: number[] = [];
  return {
    slept,
    pass: (ms) => {
      now += ms;
    },
    clock: {
      now: () => now,
      sleep: async (ms) => {
        slept.push(ms);
        now += ms;
      },
    },
  };
}

const reply = (status: number, headers: Record<string, string> = {}): Outcome => ({
  reply: { status, headers, body: Buffer.alloc(0) },
});
const failed = (transient: boolean): Outcome => ({
  failure: new KeymountError('backend-unreachable', 'gone'),
  transient,
});

async function run(outcomes: Outcome[], { retries = 2, window = 10_000, random = 0.5, took = 0, over = signal } = {}) {
  const { clock, slept, pass } = steppingClock();
  let asked = 0;
  const attempt = async () => {
    pass(took);
    return outcomes[Math.min(asked++, outcomes.length - 1)] as Outcome;
  };
  const [result] = await Promise.allSettled([
    retrying(attempt, { retries, window }, { clock, random: () => random }, over),
  ]);
  return { result, asked, slept, clock };
}

describe('retrying', () => {
  it('asks again after what a repeat may heal, and takes the answer', async () => {
    for (const first of [failed(true), reply(429), reply(412), reply(500), reply(503)]) {
      const { result, asked } = await run([first, first, reply(200)]);
      assert.ok(result?.status === 'fulfilled');
      assert.deepEqual([result.value.status, asked], [200, 3]);
    }
  });

  it('does not ask again after any other answer', async () => {
    for (const status of [200, 204, 301, 400, 403, 404, 501]) {
      assert.equal(isTransientStatus(status), false);
      assert.equal((await run([reply(status)])).asked, 1);
    }
    const { result, asked } = await run([failed(false)]);
    assert.equal(asked, 1);
    assert.ok(result?.status === 'rejected' && result.reason instanceof KeymountError);
  });

  it('gives the last answer or failure when the tries are used up', async () => {
    const { result, asked } = await run([reply(500), failed(true), reply(503)]);
    assert.ok(result?.status === 'fulfilled');
    assert.deepEqual([result.value.status, asked], [503, 3]);
    assert.equal((await run([failed(true)])).result?.status, 'rejected');
    assert.equal((await run([failed(true)], { retries: 0 })).asked, 1);
  });

  it('waits longer each time, with jitter, and less than a second in all', async () => {
    assert.deepEqual((await run([failed(true)], { random: 0 })).slept, [75, 150]);
    assert.deepEqual((await run([failed(true)], { random: 0.999 })).slept.map(Math.round), [225, 450]);
  });

  it('waits as long as the server asks, up to five seconds', async () => {
    assert.deepEqual((await run([reply(429, { 'retry-after': '2' }), reply(200)])).slept, [2000]);
    const date = new Date(1_000_000 + 3000).toUTCString();
    assert.deepEqual((await run([reply(503, { 'retry-after': date }), reply(200)])).slept, [3000]);
    assert.deepEqual((await run([reply(429, { 'retry-after': '5' }), reply(200)])).slept, [5000]);
    // Its window has ten seconds.
    const far = await run([reply(429, { 'retry-after': '6' }), reply(200)]);
    assert.deepEqual([far.asked, far.slept], [1, []]);
  });

  it('starts no further try when the first is long past', async () => {
    assert.equal((await run([failed(true)], { window: 1000, took: 1000 })).asked, 1);
    assert.equal((await run([failed(true)], { window: 1000, took: 600 })).asked, 2);
  });

  it('starts no wait that cannot end before the deadline', async () => {
    const { clock } = steppingClock();
    const never: Clock = { ...clock, sleep: () => new Promise(() => {}) };
    const { signal: short } = startDeadline(never, 1_000_100, () => new Error('over'));
    const { result, asked } = await run([reply(503)], { over: short });
    assert.ok(result?.status === 'fulfilled');
    assert.deepEqual([result.value.status, asked], [503, 1]);
  });

  it('tells what went wrong when it is given up during a wait', async () => {
    const clock: Clock = { now: () => 0, sleep: () => Promise.reject(new Error('aborted')) };
    const last = await retrying(
      async () => reply(503),
      { retries: 2, window: 1000 },
      { clock, random: () => 0 },
      signal,
    );
    assert.equal(last.status, 503);
  });
});

describe('Retry-After', () => {
  const after = (header: string) => {
    const outcome = reply(429, { 'retry-after': header });
    return 'reply' in outcome ? retryAfter(outcome.reply, 1_000_000) : assert.fail();
  };

  it('is seconds or a date, and nothing else counts', () => {
    assert.equal(after('7'), 7000);
    assert.equal(after(new Date(1_005_000).toUTCString()), 5000);
    assert.equal(after(new Date(0).toUTCString()), 0);
    for (const odd of ['', 'soon', '-5', '1e99', '99999999999']) assert.equal(after(odd), 0, odd);
  });
});

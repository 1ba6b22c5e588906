import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Semaphore } from '../../../provider/util/semaphore.ts';

const never = new AbortController().signal;

describe('a semaphore', () => {
  it('lets in as many as it has places, the rest in the order they came', async () => {
    const semaphore = new Semaphore(2);
    const started: number[] = [];
    const finish: (() => void)[] = [];
    const work = [0, 1, 2, 3].map((index) =>
      semaphore.run(() => {
        started.push(index);
        return new Promise<void>((resolve) => finish.push(resolve));
      }, never),
    );
    assert.deepEqual([started, semaphore.held, semaphore.waiting], [[0, 1], 2, 2]);
    finish[1]?.();
    await work[1];
    assert.deepEqual([started, semaphore.held, semaphore.waiting], [[0, 1, 2], 2, 1]);
    finish[0]?.();
    finish[2]?.();
    await Promise.all([work[0], work[2]]);
    finish[3]?.();
    await work[3];
    assert.deepEqual([started, semaphore.held], [[0, 1, 2, 3], 0]);
  });

  it('gives a place back when the work fails', async () => {
    const semaphore = new Semaphore(1);
    await assert.rejects(
      semaphore.run(async () => {
        throw new Error('no');
      }, never),
      /no/,
    );
    assert.equal(await semaphore.run(async () => 1, never), 1);
  });

  it('lets who waits go away with the reason of the signal', async () => {
    const semaphore = new Semaphore(1);
    let end = () => {};
    const running = semaphore.run(() => new Promise<void>((resolve) => (end = resolve)), never);
    const abort = new AbortController();
    const waiting = semaphore.run(async () => assert.fail(), abort.signal);
    abort.abort(new Error('gone'));
    await assert.rejects(waiting, /gone/);
    await assert.rejects(
      semaphore.run(async () => assert.fail(), AbortSignal.abort(new Error('before'))),
      /before/,
    );
    assert.equal(semaphore.waiting, 0);
    end();
    await running;
    assert.equal(await semaphore.run(async () => 1, never), 1);
  });

  it('keeps some places from a lane that hangs, and gives them to the others at once', async () => {
    const semaphore = new Semaphore(8, 2);
    let end = () => {};
    const hanging = new Promise<void>((resolve) => (end = resolve));
    const stuck = Array.from({ length: 20 }, () => semaphore.run(() => hanging, never, 'database'));
    assert.deepEqual([semaphore.held, semaphore.waiting], [6, 14]);
    assert.equal(await semaphore.run(async () => 'secret', never, 'kv'), 'secret');
    assert.equal(await semaphore.run(async () => 'any', never), 'any');
    const late = Array.from({ length: 5 }, (_, index) => semaphore.run(async () => index, never, 'kv'));
    assert.deepEqual(await Promise.all(late), [0, 1, 2, 3, 4]);
    assert.deepEqual([semaphore.held, semaphore.waiting], [6, 14]);
    end();
    await Promise.all(stuck);
    assert.deepEqual([semaphore.held, semaphore.waiting], [0, 0]);
  });

  it('lets a lane have the only place', async () => {
    assert.equal(await new Semaphore(1, 1).run(async () => 1, never, 'kv'), 1);
  });

  it('never has more at work than places, and ends empty, whoever goes away', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.nat(2),
        fc.array(fc.tuple(fc.nat(3), fc.nat(6), fc.constantFrom('a' as const, 'b' as const, undefined)), {
          maxLength: 30,
        }),
        async (limit, reserve, jobs) => {
          const semaphore = new Semaphore(limit, reserve);
          let atWork = 0;
          const ofLane = { a: 0, b: 0 };
          const tick = async (count: number) => {
            for (let i = 0; i < count; i++) await Promise.resolve();
          };
          await Promise.allSettled(
            jobs.map(async ([length, patience, lane]) => {
              const abort = new AbortController();
              void tick(patience * 3).then(() => abort.abort());
              await semaphore.run(
                async () => {
                  assert.ok(++atWork <= limit);
                  if (lane !== undefined) assert.ok(++ofLane[lane] <= Math.max(1, limit - reserve));
                  await tick(length * 2);
                  atWork--;
                  if (lane !== undefined) ofLane[lane]--;
                },
                abort.signal,
                lane,
              );
            }),
          );
          assert.deepEqual([atWork, semaphore.held, semaphore.waiting], [0, 0, 0]);
        },
      ),
    );
  });
});

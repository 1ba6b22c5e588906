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

  it('never has more at work than places, and ends empty, whoever goes away', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.tuple(fc.nat(3), fc.nat(6)), { maxLength: 30 }),
        async (limit, jobs) => {
          const semaphore = new Semaphore(limit);
          let atWork = 0;
          const tick = async (count: number) => {
            for (let i = 0; i < count; i++) await Promise.resolve();
          };
          await Promise.allSettled(
            jobs.map(async ([length, patience]) => {
              const abort = new AbortController();
              void tick(patience * 3).then(() => abort.abort());
              await semaphore.run(async () => {
                assert.ok(++atWork <= limit);
                await tick(length * 2);
                atWork--;
              }, abort.signal);
            }),
          );
          assert.deepEqual([atWork, semaphore.held, semaphore.waiting], [0, 0, 0]);
        },
      ),
    );
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { inBackground } from '../../../provider/util/background.ts';

// A rejection that nobody catches fails the test that is under way.
describe('work that nobody waits for', () => {
  it('tells of its failure, once', async () => {
    const failures: unknown[] = [];
    inBackground(Promise.reject(new Error('no')), (thrown) => failures.push(thrown));
    inBackground(Promise.resolve('fine'), (thrown) => failures.push(thrown));
    await setImmediate();
    assert.deepEqual(failures, [new Error('no')]);
  });

  it('ends nothing where the telling itself fails', async () => {
    let told = 0;
    inBackground(Promise.reject(new Error('no')), () => {
      told++;
      throw new Error('neither');
    });
    await setImmediate();
    assert.equal(told, 1);
  });
});

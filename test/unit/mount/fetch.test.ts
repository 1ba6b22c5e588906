import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fetchSecrets } from '../../../provider/mount/fetch.ts';
import type { Source } from '../../../provider/plan/plan.ts';
import type { Caller } from '../../../provider/sessions/caller.ts';
import type { ReadOutcome, Reads } from '../../../provider/sessions/reads.ts';
import { planOf } from './a-plan.ts';

describe('the secrets of a plan', () => {
  const caller = {} as Caller;
  const { signal } = new AbortController();
  const plan = planOf(
    '- {file: a, secret: 1}\n- {file: b, secret: 2, connection: other}\n- {file: c, secret: 3}\n- {file: d, secret: 1, key: k}\n- {file: e, secret: 4, connection: other}\n',
  );

  it('are read through one call for each access, all of them at once, and come in the order of the plan', async () => {
    const calls: string[][] = [];
    const bothCalled = Promise.withResolvers<void>();
    const reads = {
      async readAll(from: Caller, sources: readonly Source[], until: AbortSignal) {
        assert.equal(from, caller);
        assert.equal(until, signal);
        if (calls.push(sources.map(({ address }) => address)) === 2) bothCalled.resolve();
        await bothCalled.promise;
        return sources.map(({ address }) => ({ address }) as ReadOutcome);
      },
    } as unknown as Reads;
    const outcomes = await fetchSecrets(plan, caller, reads, signal);
    assert.deepEqual(calls, [
      ['1', '3'],
      ['2', '4'],
    ]);
    assert.deepEqual(
      outcomes.map((outcome) => 'address' in outcome && outcome.address),
      ['1', '2', '3', '4'],
    );
  });
});

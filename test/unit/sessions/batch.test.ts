import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Batch } from '../../../provider/sessions/batch.ts';

const never = new AbortController().signal;

describe('a batch', () => {
  it('is one call for all that were added, and each gets its own answer', async () => {
    const calls: (readonly string[])[] = [];
    const batch = new Batch<string, string>((keys) => {
      calls.push(keys);
      return keys.map(async (key) => key.toUpperCase());
    });
    const results = ['a', 'b', 'c'].map((key) => batch.add(key, never));
    assert.deepEqual(calls, []);
    batch.start();
    assert.deepEqual(await Promise.all(results), ['A', 'B', 'C']);
    assert.deepEqual(calls, [['a', 'b', 'c']]);
  });

  it('asks for nothing if nothing was added', () => {
    new Batch<string, string>(() => assert.fail('nobody asked')).start();
  });

  it('fails for the one whose answer fails', async () => {
    const batch = new Batch<string, string>((keys) =>
      keys.map((key) => (key === 'b' ? Promise.reject(new Error('no b')) : Promise.resolve(key))),
    );
    const [a, b] = [batch.add('a', never), batch.add('b', never)];
    batch.start();
    assert.equal(await a, 'a');
    await assert.rejects(b, /no b/);
  });

  it('leaves nobody waiting where the call throws or forgets an answer', async () => {
    const throwing = new Batch<string, string>(() => {
      throw new Error('thrown');
    });
    const thrown = throwing.add('a', never);
    throwing.start();
    await assert.rejects(thrown, /thrown/);
    const forgetful = new Batch<string, string>(() => [Promise.resolve('a')]);
    const [a, b] = [forgetful.add('a', never), forgetful.add('b', never)];
    forgetful.start();
    assert.equal(await a, 'a');
    await assert.rejects(b, /without an answer/);
  });

  it('is aborted when the last of its members has given up, and not before', () => {
    let signal: AbortSignal | undefined;
    const batch = new Batch<string, string>((keys, together) => {
      signal = together;
      return keys.map(() => new Promise(() => {}));
    });
    const [a, b] = [new AbortController(), new AbortController()];
    void batch.add('a', a.signal);
    void batch.add('b', b.signal);
    batch.start();
    a.abort();
    assert.equal(signal?.aborted, false);
    const reason = new Error('the last one left');
    b.abort(reason);
    assert.equal(signal?.reason, reason);
  });
});

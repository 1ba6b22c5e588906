import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { aPod } from '../../lab/pod.ts';
import { fails, readingWorld } from './fake-reads.ts';
import { callerOf, sourcesOf } from './fake-store.ts';

describe('a secret in memory', () => {
  it("is served for the admin's interval, then read anew", async () => {
    const { clock, mount } = readingWorld();
    const sources = sourcesOf('a');
    assert.deepEqual(await mount(sources), ['backend']);
    clock.time += 59_999;
    assert.deepEqual(await mount(sources), ['cache']);
    clock.time += 1;
    assert.deepEqual(await mount(sources), ['backend']);
  });

  it("is served for the class's interval where it has one", async () => {
    const { clock, mount } = readingWorld();
    const sources = sourcesOf({ address: 'a', refresh: 5_000 });
    await mount(sources);
    clock.time += 4_999;
    assert.deepEqual(await mount(sources), ['cache']);
    clock.time += 1;
    assert.deepEqual(await mount(sources), ['backend']);
  });

  it('is never served with an interval of 0', async () => {
    const { mount } = readingWorld();
    const sources = sourcesOf({ address: 'a', refresh: 0 });
    assert.deepEqual([await mount(sources), await mount(sources)], [['backend'], ['backend']]);
  });

  it('is served as long as its session with `once`, and not longer', async () => {
    const { store, clock, mount } = readingWorld();
    store.expires = clock.time + 600_000;
    const sources = sourcesOf({ address: 'a', refresh: 'once' });
    await mount(sources);
    clock.time += 590_000;
    assert.deepEqual(await mount(sources), ['cache']);
    clock.time += 10_000;
    store.expires = undefined;
    assert.deepEqual(await mount(sources), ['backend']);
    assert.equal(store.logins.length, 2);
  });

  it('is not served once it is known to have changed', async () => {
    const { store, clock, mount } = readingWorld();
    store.answer = () => ({ goodUntil: clock.time + 1_000 });
    const sources = sourcesOf({ address: 'a', refresh: 'once' });
    await mount(sources);
    clock.time += 999;
    assert.deepEqual(await mount(sources), ['cache']);
    clock.time += 1;
    assert.deepEqual(await mount(sources), ['backend']);
  });

  it('is never served to another pod', async () => {
    const { store, mount } = readingWorld();
    const sources = sourcesOf('a');
    await mount(sources);
    assert.deepEqual(await mount(sources, callerOf(aPod())), ['backend']);
    store.answer = fails('secret-denied');
    assert.deepEqual(await mount(sources, callerOf(aPod())), ['secret-denied']);
  });

  it('is of as many kinds as there are requests to its path', async () => {
    const { store, mount } = readingWorld();
    const [a, b] = [{ cn: 'a' }, { cn: 'b' }].map((args) => ({ address: 'pki', request: { method: 'PUT', args } }));
    assert.ok(a !== undefined && b !== undefined);
    await mount(sourcesOf(a, b));
    assert.equal(store.reads.length, 2);
  });

  for (const code of ['secret-denied', 'secret-missing', 'secret-deleted'] as const) {
    it(`is forgotten when the backend answers ${code}`, async () => {
      const { store, clock, mount } = readingWorld();
      const sources = sourcesOf({ address: 'a', staleOnError: 3_600_000 });
      await mount(sources);
      clock.time += 60_000;
      store.answer = fails(code);
      assert.deepEqual(await mount(sources), [code]);
      store.answer = fails('backend-unreachable');
      assert.deepEqual(await mount(sources), ['backend-unreachable']);
    });
  }
});

describe('an outdated secret', () => {
  for (const code of ['backend-unreachable', 'backend-sealed'] as const) {
    it(`is served while the answer is ${code}, as long as the class allows`, async () => {
      const { store, clock, mount } = readingWorld();
      const sources = sourcesOf({ address: 'a', staleOnError: 600_000 });
      await mount(sources);
      store.answer = fails(code);
      clock.time += 60_000;
      assert.deepEqual(await mount(sources), ['stale']);
      clock.time += 599_999;
      assert.deepEqual(await mount(sources), ['stale']);
      clock.time += 1;
      assert.deepEqual(await mount(sources), [code]);
    });
  }

  for (const code of [
    'secret-denied',
    'secret-missing',
    'backend-rejected',
    'backend-reply-invalid',
    'backend-untrusted',
  ] as const) {
    it(`is not served when the answer is ${code}`, async () => {
      const { store, clock, mount } = readingWorld();
      const sources = sourcesOf({ address: 'a', staleOnError: 600_000 });
      await mount(sources);
      store.answer = fails(code);
      clock.time += 60_000;
      assert.deepEqual(await mount(sources), [code]);
    });
  }

  it('is not served where the class does not say so', async () => {
    const { store, clock, mount } = readingWorld();
    await mount(sourcesOf('a'));
    store.answer = fails('backend-unreachable');
    clock.time += 60_000;
    assert.deepEqual(await mount(sourcesOf('a')), ['backend-unreachable']);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Code, catalogue, KeymountError } from '../../../provider/errors.ts';
import type { Source } from '../../../provider/plan/plan.ts';
import { isFresh, mayServeStale } from '../../../provider/sessions/freshness.ts';
import { sourcesOf } from './fake-store.ts';

const interval = 60_000;
const readAt = 1_000_000;

function source(parts: Partial<Source> = {}): Source {
  return sourcesOf({ address: 'a', ...parts })[0] as Source;
}

function cached(goodUntil?: number) {
  const secret = { version: '1', size: 1, ...(goodUntil === undefined ? {} : { goodUntil }) };
  return { secret, number: 1, readAt };
}

describe('a secret is fresh', () => {
  const freshAfter = (ms: number, parts: Partial<Source> = {}, goodUntil?: number) =>
    isFresh(cached(goodUntil), source(parts), interval, readAt + ms);

  it("for the admin's interval, or that of its class", () => {
    assert.deepEqual([freshAfter(0), freshAfter(59_999), freshAfter(60_000)], [true, true, false]);
    assert.deepEqual([freshAfter(4_999, { refresh: 5_000 }), freshAfter(5_000, { refresh: 5_000 })], [true, false]);
    assert.equal(freshAfter(3_599_999, { refresh: 3_600_000 }), true);
  });

  it('never with 0, and always with once', () => {
    assert.equal(freshAfter(0, { refresh: 0 }), false);
    assert.equal(freshAfter(1e12, { refresh: 'once' }), true);
  });

  it('only until it is known to change, whatever the class says', () => {
    for (const refresh of [3_600_000, 'once'] as const) {
      assert.equal(freshAfter(999, { refresh }, readAt + 1_000), true);
      assert.equal(freshAfter(1_000, { refresh }, readAt + 1_000), false);
    }
  });

  it('not if the clock was set back since: nobody knows how old it is', () => {
    assert.equal(freshAfter(-1), false);
    assert.equal(freshAfter(-86_400_000), false);
  });
});

describe('an outdated secret is better than none', () => {
  const error = (code: string) => new KeymountError(code as Code, 'no');
  const staleAfter = (ms: number, parts: Partial<Source>, code = 'backend-unreachable') =>
    mayServeStale(cached(), source(parts), error(code), interval, readAt + ms);

  it('for so long after it was fresh as the class says', () => {
    assert.equal(staleAfter(60_000 + 599_999, { staleOnError: 600_000 }), true);
    assert.equal(staleAfter(60_000 + 600_000, { staleOnError: 600_000 }), false);
    assert.equal(staleAfter(599_999, { staleOnError: 600_000, refresh: 0 }), true);
    assert.equal(staleAfter(600_000, { staleOnError: 600_000, refresh: 0 }), false);
    // An object that says nothing shares the read, so it was fresh for the admin's interval and no longer.
    const shared = { staleOnError: 600_000, refresh: 3_600_000, atMostDefault: true };
    assert.equal(staleAfter(60_000 + 599_999, shared), true);
    assert.equal(staleAfter(60_000 + 600_000, shared), false);
  });

  it('only where the class says so', () => {
    assert.equal(staleAfter(60_001, {}), false);
    assert.equal(staleAfter(60_001, { staleOnError: 0 }), false);
  });

  it('only if the backend cannot be reached, fails or is sealed: of all codes these two', () => {
    const good = Object.keys(catalogue).filter((code) => staleAfter(60_000, { staleOnError: 600_000 }, code));
    assert.deepEqual(good.sort(), ['backend-sealed', 'backend-unreachable']);
  });
});

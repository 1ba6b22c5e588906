import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { World } from '../unit/leases/keeping-world.ts';

const db = 'creds/db';
/** Seconds: (75 + 210) and a tenth, what docs/leases.md asks of a `max_ttl`. */
const leastMaximum = 314;

/**
 * A pod whose driver asks every 75 s, and 210 s after a change. Returns the credentials, by their number, that were in its file at a
 * moment, looked at every few seconds, when they were good for nothing.
 */
async function deadIn(ttl: number, max: number, random: number, step: number): Promise<number[]> {
  const world = new World();
  const { issuer } = world.outside;
  world.outside.random = () => random;
  issuer.token = { ttl: 36_000, max: 720_000 };
  issuer.terms.set(db, { ttl, max });
  const dead = new Set<number>();
  let before: string | undefined;
  for (let passed = 0; passed < 3.5 * max; ) {
    const password = (await world.mount([db]))[db];
    const number = Number(password?.split(' ')[1]);
    const pause = password === before ? 75 : 210;
    before = password;
    for (let second = 0; second < pause; second += step) {
      await world.pass(step);
      if (!issuer.isLive(`${db}#${number}`)) dead.add(number);
    }
    passed += pause;
  }
  assert.ok(issuer.count(/read/) >= 3, 'too few credentials to tell');
  return [...dead];
}

const terms = (leastTtl: number) =>
  fc
    .integer({ min: leastMaximum, max: 3_000 })
    .chain((max) => fc.tuple(fc.integer({ min: leastTtl, max: Math.min(max, leastTtl + 100) }), fc.constant(max)));
const random = fc.integer({ min: 0, max: 999 }).map((thousandths) => thousandths / 1_000);

describe('a renewed credential in a file', () => {
  it('is at no moment dead, whatever default_ttl from 135 s and max_ttl', async () => {
    await fc.assert(
      fc.asyncProperty(terms(135), random, async ([ttl, max], jitter) => {
        assert.deepEqual(await deadIn(ttl, max, jitter, 5), []);
      }),
      { numRuns: 100 },
    );
  });

  // Shorter ones cannot be renewed every 15 s.
  it('is at no moment dead after its source has had one, with a default_ttl from 20 s', async () => {
    await fc.assert(
      fc.asyncProperty(terms(20), random, async ([ttl, max], jitter) => {
        const dead = await deadIn(ttl, max, jitter, 5);
        assert.ok(
          dead.every((number) => number === 1),
          `${dead.join()} of ttl ${ttl}, max ${max}`,
        );
      }),
      { numRuns: 30 },
    );
  });
});

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
/**
 * A pod at a server that renews no further than the login, for four lives of a pod token and one of its own. The credentials that were dead in its file,
 * and how many there were.
 */
async function atCheckingServer(podToken: number, ttl: number, jitter: number, knows: boolean) {
  const world = new World();
  const { issuer } = world.outside;
  world.outside.random = () => jitter;
  [issuer.podToken, issuer.checksLogins] = [podToken, true];
  issuer.token = { ttl, max: 720_000 };
  issuer.terms.set(db, { ttl: 36_000, max: 720_000 });
  if (knows) world.leases.tenantDeps.loginEnds.refused(issuer.address);
  const dead = new Set<number>();
  let [before, seen]: [string | undefined, number] = [undefined, 0];
  const span = 4 * podToken + ttl;
  for (let passed = 0; passed < span; ) {
    const password = (await world.mount([db]))[db];
    const number = Number(password?.split(' ')[1]);
    if (password !== before) seen++;
    const pause = password === before ? 75 : 210;
    before = password;
    for (let second = 0; second < pause; second += 15) {
      await world.pass(15);
      if (!issuer.isLive(`${db}#${number}`)) dead.add(number);
    }
    passed += pause;
  }
  assert.equal(world.told()['lost'], undefined);
  return { dead: [...dead], seen, most: span / (0.8 * podToken) + 1 };
}

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

  it('is at no moment dead where the server renews no further than the login, and replaced as often as there is a later login', async () => {
    // Seconds: a pod token of half an hour to a day; a token_ttl that outlives the trial behind the end of a login and what follows.
    const lives = fc.tuple(fc.integer({ min: 1_800, max: 36_000 }), fc.integer({ min: 420, max: 7_200 }));
    await fc.assert(
      fc.asyncProperty(lives, random, async ([podToken, ttl], jitter) => {
        const { dead, seen, most } = await atCheckingServer(podToken, ttl, jitter, false);
        assert.deepEqual(dead, []);
        assert.ok(seen <= most && seen >= 2, `${seen} credentials`);
      }),
      { numRuns: 8 },
    );
  });

  it('is at no moment dead there with any token_ttl from 135 s once the server is known', async () => {
    const lives = fc.tuple(fc.integer({ min: 1_800, max: 36_000 }), fc.integer({ min: 135, max: 7_200 }));
    await fc.assert(
      fc.asyncProperty(lives, random, async ([podToken, ttl], jitter) => {
        assert.deepEqual((await atCheckingServer(podToken, ttl, jitter, true)).dead, []);
      }),
      { numRuns: 8 },
    );
  });
});

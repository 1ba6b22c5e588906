import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Session, Tenure } from '../../../provider/backends/backend.ts';
import { KeymountError } from '../../../provider/errors.ts';
import { Endings } from '../../../provider/sessions/endings.ts';
import type { Held } from '../../../provider/sessions/sessions.ts';
import { SteppedClock } from '../leases/stepped-clock.ts';

const minute = 60_000;

describe('a session that was replaced', () => {
  let clock: SteppedClock;
  let endings: Endings;
  let revoked: number[];
  /** The token of another session. */
  let inUse: string | undefined;
  let revoke: (id: number, signal: AbortSignal) => Promise<void>;
  beforeEach(() => {
    clock = new SteppedClock();
    inUse = undefined;
    endings = new Endings(clock, 2.5 * minute, ({ id }) => id === inUse);
    revoked = [];
    revoke = async () => {};
  });

  function held(id: number, parts: { session?: Partial<Session>; tenure?: Partial<Tenure>; ends?: number } = {}): Held {
    const tenure: Tenure = {
      id: `token ${id}`,
      renewable: true,
      renew: () => assert.fail('nothing is renewed here'),
      toState: () => ({}),
      async revoke(signal) {
        revoked.push(id);
        await revoke(id, signal);
      },
      ...parts.tenure,
    };
    const session = { expires: clock.time + 3_600_000, tenure, ...parts.session } as Session;
    return { id, session, scope: 'pod', ends: parts.ends ?? clock.time, denied: new Set(), secrets: new Map() };
  }

  it('is ended when no Mount can be reading through it any more', async () => {
    endings.add(held(1));
    await clock.pass(minute);
    endings.add(held(2));
    await clock.pass(1.4 * minute);
    assert.deepEqual(revoked, []);
    await clock.pass(0.2 * minute);
    assert.deepEqual(revoked, [1]);
    await clock.pass(minute);
    assert.deepEqual(revoked, [1, 2]);
  });

  it('is left alone by what a keeper looks after, at the time as well as later', async () => {
    endings.add(held(1, { ends: Number.POSITIVE_INFINITY }));
    const later = held(2);
    endings.add(later);
    later.ends = Number.POSITIVE_INFINITY;
    await clock.pass(10 * minute);
    assert.deepEqual(revoked, []);
  });

  for (const [what, parts] of [
    ['has no tenure', { session: { tenure: undefined } }],
    ['has a token of counted uses', { tenure: { isLimited: true } }],
    ['has a batch token', { tenure: { renewable: false } }],
    ['ends by itself before that', { session: { expires: 1_000_000 + 2 * minute } }],
  ] as const) {
    it(`is left to its own end where it ${what}`, async () => {
      endings.add(held(1, parts as never));
      await clock.pass(10 * minute);
      assert.deepEqual(revoked, []);
    });
  }

  it('is ended also where its token never ends', async () => {
    endings.add(held(1, { session: { expires: undefined } as never }));
    await clock.pass(3 * minute);
    assert.deepEqual(revoked, [1]);
  });

  it('is tried once: what fails ends by itself, and holds up no other', async () => {
    revoke = async (id) => {
      if (id === 1) throw new KeymountError('backend-unreachable', 'gone');
    };
    for (const id of [1, 2]) endings.add(held(id));
    await clock.pass(30 * minute);
    assert.deepEqual(revoked, [1, 2]);
  });

  it('is left alone where another session has the same token: a cache between may answer two logins alike', async () => {
    endings.add(held(1));
    endings.add(held(2));
    inUse = 'token 1';
    await clock.pass(10 * minute);
    assert.deepEqual(revoked, [2]);
  });

  it('is ended with a few others at once, and of very many the oldest are left to their own end', async () => {
    let atOnce = 0;
    let most = 0;
    const ends: (() => void)[] = [];
    revoke = () => {
      most = Math.max(most, ++atOnce);
      return new Promise((resolve) =>
        ends.push(() => {
          atOnce--;
          resolve();
        }),
      );
    };
    for (let id = 1; id <= 510; id++) endings.add(held(id));
    await clock.pass(3 * minute);
    assert.deepEqual(revoked, [11, 12, 13, 14]);
    for (let end = ends.shift(); end !== undefined; end = ends.shift()) {
      end();
      await clock.pass(0);
    }
    assert.deepEqual([revoked.length, most], [500, 4]);
  });

  it('goes on when keymount stops', async () => {
    endings.add(held(1));
    endings.close();
    endings.add(held(2));
    await clock.pass(10 * minute);
    assert.deepEqual(revoked, []);
    assert.equal(clock.sleepers, 0);
  });
});

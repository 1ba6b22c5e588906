import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { Expecting } from '../../../provider/sessions/expecting.ts';
import type { Keeper } from '../../../provider/sessions/keeper.ts';
import type { Held, Wish } from '../../../provider/sessions/sessions.ts';
import { callerOf, FakeStore, sourcesOf } from './fake-store.ts';

describe('what a Mount may get issued', () => {
  let told: string[];
  let expecting: Expecting;
  beforeEach(() => {
    told = [];
    const keeper = {
      admit: ({ id }: Held) => void told.push(`admit ${id}`),
      expect: async ({ id }: Held) => void told.push(`expect ${id}`),
      settle: async ({ id }: Held) => void told.push(`settle ${id}`),
    } as unknown as Keeper;
    expecting = new Expecting(keeper);
  });
  const { connection } = new FakeStore();
  const held = (id: number, scope: Held['scope'], secrets = new Map<string, number>()) =>
    ({ id, scope, secrets }) as unknown as Held;
  const wish = (address = 'creds/db'): Wish => {
    const [source] = sourcesOf(address);
    if (source === undefined) throw new Error('no source');
    return { connection, source, caller: callerOf() };
  };

  it('through a session of its pod is expected, once for all its reads, and settled', async () => {
    const own = held(1, 'pod');
    await Promise.all([expecting.before(own, wish()), expecting.before(own, wish('creds/mq'))]);
    await expecting.before(held(2, 'pod'), wish());
    expecting.settle();
    assert.deepEqual(told, ['admit 1', 'expect 1', 'admit 1', 'admit 2', 'expect 2', 'settle 1', 'settle 2']);
  });

  it("through a session that pods share is not: it would end with one pod's token", async () => {
    await expecting.before(held(1, 'serviceAccount'), wish());
    expecting.settle();
    assert.deepEqual(told, []);
  });

  it('and is in the cache was only read', async () => {
    const known = wish('kv/app');
    const own = held(1, 'pod', new Map([[known.source.key, 7]]));
    await expecting.before(own, known);
    assert.deepEqual(told, []);
    await expecting.before(own, wish());
    assert.deepEqual(told, ['admit 1', 'expect 1']);
  });
});

import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { KeymountError } from '../../../provider/errors.ts';
import { type LeaseLimits, leaseLimits } from '../../../provider/leases/limits.ts';
import type { Caller } from '../../../provider/sessions/caller.ts';
import { aPod } from '../../lab/pod.ts';
import { callerOf, gate, sourcesOf } from '../sessions/fake-store.ts';
import { Outside, pod, World } from './keeping-world.ts';

const db = 'creds/db';
const many = { credentials: 1_000, bytes: 100_000_000 };
const unbounded: LeaseLimits = { ...leaseLimits, volume: many, pod: many, namespace: many, node: many };
const refused = 'too-many-credentials';

describe('credentials in keeping', () => {
  let outside: Outside;
  beforeEach(() => {
    outside = new Outside();
  });
  const issuer = () => outside.issuer;
  const worldOf = (limits: Partial<LeaseLimits>) => new World(outside, { ...unbounded, ...limits });
  const names = (count: number, from = 1) => Array.from({ length: count }, (_, index) => `creds/${from + index}`);

  describe('have a bound', () => {
    /** Two volumes of a pod, another pod of the namespace, and one of another. */
    const volumes: Record<string, Caller> = {
      first: pod,
      second: { ...pod, volume: `${pod.volume} 2` },
      neighbour: callerOf(aPod({ namespace: pod.identity.namespace })),
      stranger: callerOf(aPod({ namespace: 'other' })),
    };
    const rows: [keyof LeaseLimits, number, string[]][] = [
      // Tokens count as well: one a pod.
      ['volume', 2, ['first']],
      ['pod', 3, ['first', 'second']],
      ['namespace', 3, ['first', 'second', 'neighbour']],
      ['node', 3, ['first', 'second', 'neighbour', 'stranger']],
    ];
    for (const [kind, credentials, full] of rows) {
      it(`for a ${kind}, beyond which nothing is issued and all else is served`, async () => {
        const world = worldOf({ [kind]: { ...many, credentials } });
        assert.deepEqual(Object.keys(await world.mount(names(2))), ['creds/1', 'creds/2']);
        const before = issuer().count(/read/);
        for (const [name, caller] of Object.entries(volumes)) {
          const answer = await world.mount(['creds/9'], caller);
          assert.equal(answer['creds/9'] === refused, full.includes(name), name);
        }
        assert.equal(issuer().count(/read/) - before, 4 - full.length);
        assert.deepEqual(await world.mount(names(2)), { 'creds/1': 'creds/1 1', 'creds/2': 'creds/2 2' });
      });
    }

    it('of bytes as well: what is too much is issued once, ends with the pod, and nothing more is asked for', async () => {
      issuer().padding.set(db, 40_000);
      const world = worldOf({ volume: { ...many, bytes: 30_000 } });
      for (let mounts = 0; mounts < 5; mounts++) {
        assert.equal((await world.mount([db]))[db], refused);
        await world.pass(30);
      }
      assert.equal(issuer().count(/read/), 1);
      assert.equal(world.told()['refused'], 1);
      await world.pass(600);
      issuer().padding.clear();
      assert.equal((await world.mount([db]))[db], `${db} 2`, 'it is asked for again after a while');
      await world.end(pod);
      assert.deepEqual(issuer().live(), []);
      assert.equal(outside.files.size, 0);
    });

    it('that leaves room for the replacement of what is there', async () => {
      issuer().terms.set('creds/1', { ttl: 600, renewable: false });
      const world = worldOf({ pod: { ...many, credentials: 3 } });
      await world.mount(names(2));
      await world.pass(500);
      assert.equal((await world.mount(names(2)))['creds/1'], 'creds/1 3');
    });

    it('that leaves room for a new token in place of the old one', async () => {
      issuer().token = { ttl: 600, renewable: false };
      const world = worldOf({ pod: { ...many, credentials: 3 }, volume: { ...many, credentials: 2 } });
      await world.mount(names(2));
      await world.pass(500);
      assert.deepEqual(await world.mount(names(2)), { 'creds/1': 'creds/1 3', 'creds/2': 'creds/2 4' });
      assert.equal(issuer().logins.length, 2);
    });

    it('of the directory', async () => {
      const world = worldOf({ directory: { files: 5, bytes: 1_000 } });
      await world.mount([db]);
      for (const usage of [
        { files: 5, bytes: 0 },
        { files: 1, bytes: 1_000 },
      ]) {
        outside.usage = usage;
        assert.equal((await world.mount(['creds/9'], callerOf(aPod())))['creds/9'], refused);
      }
      assert.equal((await world.mount([db]))[db], `${db} 1`);
    });
  });

  describe('of large answers are kept as far as objects select them', () => {
    const selecting = (...keys: string[]) => sourcesOf({ address: db, selectedKeys: keys });
    const stored = () => [...outside.files.values()].join('');

    it('on disk as well', async () => {
      issuer().padding.set(db, 100_000);
      let world = worldOf({});
      const first = await world.mount([db], pod, selecting('password'));
      assert.ok(stored().length < 5_000, `${stored().length} bytes`);
      world = await world.restart();
      assert.deepEqual(await world.mount([db], pod, selecting('password')), first);
      assert.equal(issuer().count(/read/), 1);
    });

    it('and read again for objects that select more of them, for all to have the same', async () => {
      issuer().padding.set(db, 100_000);
      const world = worldOf({});
      await world.mount([db], pod, selecting('password'));
      const other = { ...pod, volume: 'another' };
      const more = selecting('padding');
      assert.deepEqual(await world.mount([db], other, more), { [db]: `${db} 2` });
      assert.deepEqual(await world.mount([db], pod, selecting('password')), { [db]: `${db} 2` });
      assert.deepEqual(await world.mount([db], other, more), { [db]: `${db} 2` });
      assert.equal(issuer().count(/read/), 2);
    });

    it('small ones whole', async () => {
      issuer().padding.set(db, 1_000);
      const world = worldOf({});
      await world.mount([db], pod, selecting('password'));
      await world.mount([db], { ...pod, volume: 'another' }, selecting('padding'));
      await world.mount([db], { ...pod, volume: 'a third' }, sourcesOf(db));
      assert.equal(issuer().count(/read/), 1);
    });
  });

  describe('of a pod that is gone', () => {
    const refuses = () => {
      issuer().fault = (call) => (call === 'revoke' ? new KeymountError('backend-rejected', 'no') : undefined);
    };

    it('leave nothing but the token, where it cannot be ended at once', async () => {
      issuer().padding.set(db, 100_000);
      const world = worldOf({});
      await world.mount([db]);
      assert.ok([...outside.files.values()].join('').length > 100_000);
      refuses();
      void world.leases.endPod(pod.identity.podUid);
      await world.pass(2);
      const [record = ''] = outside.files.values();
      assert.ok(record.length < 2_000, `${record.length} bytes`);
      assert.ok(record.includes('t1'), 'the token is still there');
      issuer().fault = () => undefined;
      const next = await world.restart();
      await next.end(pod);
      assert.equal(outside.files.size, 0);
      assert.equal(issuer().isLive('t1'), false);
    });

    for (const chosenByClass of [false, true]) {
      it(`are asked about ${chosenByClass ? 'three times at a server of the class alone' : 'until their end at one of the admin'}`, async () => {
        issuer().chosenByClass = chosenByClass;
        issuer().token = { ttl: 72_000 };
        const world = worldOf({});
        await world.mount([db]);
        refuses();
        void world.leases.endPod(pod.identity.podUid);
        await world.pass(6 * 3_600);
        const tries = issuer().count(/revoke/);
        assert.ok(chosenByClass ? tries === 3 : tries > 20, `${tries} tries`);
        assert.equal(outside.files.size, chosenByClass ? 0 : 1);
        assert.equal(world.told()['revocation-given-up'] ?? 0, chosenByClass ? 1 : 0);
      });
    }
  });

  it('of a second are not renewed every second, and what changed alone is written', async () => {
    issuer().terms.set(db, { ttl: 1, max: 72_000 });
    issuer().padding.set(db, 100_000);
    const world = worldOf({});
    await world.mount([db]);
    const written = [...outside.files.values()].join('');
    await world.pass(300);
    assert.ok(issuer().count(/renew creds/) <= 4, `${issuer().count(/renew creds/)} renewals`);
    assert.equal([...outside.files.values()].join(''), written, 'the secret is written once');
  });

  it('are renewed every 15 s at the most', async () => {
    issuer().terms.set(db, { ttl: 17, max: 72_000 });
    const world = worldOf({});
    await world.mount([db]);
    await world.pass(300);
    const count = issuer().count(/renew creds/);
    assert.ok(count >= 15 && count <= 20, `${count} renewals`);
    assert.ok(issuer().isLive(`${db}#1`), 'and live on');
  });

  it('go on by the lives that were written last', async () => {
    issuer().terms.set(db, { ttl: 600, max: 7_200 });
    let world = worldOf({});
    await world.mount([db]);
    await world.pass(410);
    assert.equal(outside.lives.size, 1);
    world = await world.restart();
    // Renewed at 402 s; by the first life it would be dead.
    await world.pass(300);
    assert.equal((await world.mount([db]))[db], `${db} 1`);
    assert.equal(issuer().count(/read/), 1);
  });

  it('are not resumed at another server than the one that issued them', async () => {
    let world = worldOf({});
    await world.mount([db]);
    issuer().address = 'https://other:8200';
    world = await world.restart();
    assert.equal(world.unusable.length, 1);
    assert.deepEqual([...world.leases.list()], []);
    issuer().address = 'https://vault:8200';
    world = await world.restart();
    assert.equal((await world.mount([db]))[db], `${db} 1`);
  });

  it('belong to sessions that no others push out', async () => {
    const world = new World(outside, unbounded, 5);
    await world.mount([db]);
    for (let count = 0; count < 20; count++) await world.mount(['kv/a'], callerOf(aPod()));
    assert.equal((await world.mount([db]))[db], `${db} 1`);
    assert.equal(issuer().count(/read creds/), 1);
    await world.pass(3_000);
    assert.ok(issuer().isLive(`${db}#1`), 'and are renewed');
    assert.deepEqual(world.sessions.count(), { account: 0, pod: 6 });
  });

  describe('once another process has them', () => {
    it('are served, and nothing more is issued here', async () => {
      const world = worldOf({});
      await world.mount([db]);
      world.leases.close();
      assert.equal((await world.mount([db]))[db], `${db} 1`);
      for (const [caller, address] of [
        [pod, 'creds/9'],
        [callerOf(aPod()), db],
      ] as const) {
        assert.equal((await world.mount([address], caller))[address], 'shutting-down');
      }
      assert.equal(issuer().count(/read/), 1);
    });

    it('leave nothing behind that the other process does not know', async () => {
      const world = worldOf({});
      const answer = gate();
      issuer().held = (call) => (call === 'read' ? answer.opened : undefined);
      const mounting = world.mount([db]);
      await world.pass(1);
      world.leases.close();
      const next = new World(outside, unbounded);
      await next.resume();
      answer.open();
      assert.deepEqual(await mounting, { [db]: 'shutting-down' });
      assert.deepEqual(issuer().live(), [`${db}#1`]);
      await next.end(pod);
      assert.deepEqual(issuer().live(), []);
      assert.equal(issuer().isLive('t1'), false, 'the token of that Mount is ended with the pod');
    });
  });
});

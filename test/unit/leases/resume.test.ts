import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { KeymountError } from '../../../provider/errors.ts';
import { aPod } from '../../lab/pod.ts';
import { callerOf } from '../sessions/fake-store.ts';
import { pod, World } from './keeping-world.ts';

const db = 'creds/db';

describe('after a process was killed, the next one', () => {
  let world: World;
  beforeEach(() => {
    world = new World();
    world.outside.issuer.terms.set(db, { ttl: 600, max: 7_200 });
  });
  const issuer = () => world.outside.issuer;

  it('serves what pods have, without a login and without an issue', async () => {
    const other = callerOf(aPod());
    const before = [await world.mount([db, 'cert/web']), await world.mount([db], other)];
    world = await world.restart();
    assert.deepEqual([await world.mount([db, 'cert/web']), await world.mount([db], other)], before);
    assert.equal(issuer().logins.length, 2);
    assert.equal(issuer().count(/read/), 3);
    assert.deepEqual(world.told(), { resumed: 2 });
    assert.deepEqual(world.known, new Set([pod.identity.podUid, other.identity.podUid]));
  });

  it('goes on with the renewals, by what is left at its start', async () => {
    await world.mount([db]);
    await world.pass(100);
    world = await world.restart();
    // 500 s are left at 100 s
    await world.pass(334);
    assert.equal(issuer().count(/renew creds/), 0);
    await world.pass(2);
    assert.deepEqual(
      issuer().calls.filter((line) => /renew creds/.test(line)),
      [`435 renew ${db}#1`],
    );
    await world.pass(5_000);
    assert.ok(issuer().isLive(`${db}#1`));
  });

  it('does so over many restarts in a row', async () => {
    const before = await world.mount([db]);
    for (let count = 0; count < 40; count++) {
      await world.pass(97);
      world = await world.restart();
    }
    assert.deepEqual(await world.mount([db]), before);
    assert.ok(issuer().isLive(`${db}#1`));
    assert.equal(issuer().logins.length, 1);
  });

  it('ends what pods have that went meanwhile', async () => {
    await world.mount([db]);
    world = await world.restart();
    await world.end(pod);
    assert.deepEqual(issuer().live(), []);
    assert.equal(world.outside.files.size, 0);
    assert.deepEqual(world.told(), { resumed: 1, revoked: 1 });
  });

  it('goes on with a revocation that did not succeed', async () => {
    await world.mount([db]);
    issuer().fault = () => new KeymountError('backend-unreachable', 'nobody answers');
    void world.leases.endPod(pod.identity.podUid);
    await world.pass(30);
    world = await world.restart({ killed: false });
    issuer().fault = () => undefined;
    await world.end(pod);
    assert.deepEqual(issuer().live(), []);
    assert.equal(world.outside.files.size, 0);
  });

  it('issues anew what ended while no process was there', async () => {
    issuer().token = { ttl: 600 };
    await world.mount([db]);
    world.leases.close();
    await world.pass(700);
    world = await world.restart();
    assert.deepEqual(await world.mount([db]), { [db]: `${db} 2` });
    assert.equal(issuer().logins.length, 2);
    assert.equal(world.outside.files.size, 1);
  });

  it('uses the newer of two tokens, and still ends both with the pod', async () => {
    issuer().token = { ttl: 1_200, max: 2_400 };
    issuer().terms.set(db, { ttl: 1_200, max: 72_000 });
    await world.live([db], 2_325);
    assert.equal(issuer().logins.length, 2);
    world = await world.restart();
    assert.deepEqual(await world.mount([db]), { [db]: `${db} 2` });
    assert.equal(issuer().logins.length, 2);
    await world.end(pod);
    assert.deepEqual(issuer().live(), []);
    assert.equal(world.outside.files.size, 0);
  });

  for (const hours of [1, -1]) {
    it(`renews in time although the clock of the machine was set by ${hours} h before`, async () => {
      await world.mount([db]);
      world.outside.jumped = hours * 3_600_000;
      await world.pass(410); // renewed and stored at 402 s
      // The next process takes the machine's clock of now for its steady one.
      world.outside.clock.time += world.outside.jumped;
      for (const issued of [...issuer().leases.values(), ...issuer().tokens.values()]) {
        issued.end += world.outside.jumped;
      }
      world.outside.jumped = 0;
      world = await world.restart();
      assert.deepEqual(await world.mount([db]), { [db]: `${db} 1` });
      await world.pass(600);
      assert.ok(issuer().isLive(`${db}#1`));
      assert.deepEqual(await world.mount([db]), { [db]: `${db} 1` });
    });
  }

  it('leaves records that it cannot read where they are, and tells which', async () => {
    await world.mount([db]);
    world.outside.files.set('odd', '{"hello":"world"}');
    world.outside.files.set('empty', '{}');
    world = await world.restart();
    assert.deepEqual(world.unusable.sort(), ['empty', 'odd']);
    assert.deepEqual(await world.mount([db]), { [db]: `${db} 1` });
    assert.ok(world.outside.files.has('odd'));
  });

  it('has 250 pods in keeping again', async () => {
    world.outside.random = Math.random;
    const pods = Array.from({ length: 250 }, () => callerOf(aPod()));
    const before = await Promise.all(pods.map((each) => world.mount([db], each)));
    world = await world.restart();
    assert.deepEqual(await Promise.all(pods.map((each) => world.mount([db], each))), before);
    await world.pass(3_000);
    assert.equal(issuer().live().length, 250);
    assert.equal(issuer().logins.length, 250);
  });
});

import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { KeymountError } from '../../../provider/errors.ts';
import { aPod } from '../../lab/pod.ts';
import { callerOf } from '../sessions/fake-store.ts';
import { pod, World } from './keeping-world.ts';

const db = 'creds/db';
const away = () => new KeymountError('backend-unreachable', 'nobody answers');

describe('a credential in keeping', () => {
  let world: World;
  beforeEach(() => {
    world = new World();
  });
  const issuer = () => world.outside.issuer;
  const callsOf = (pattern: RegExp) => issuer().calls.filter((line) => pattern.test(line));

  it('is the same at every Mount, and renewed at 67 % of what is left, over and over', async () => {
    issuer().terms.set(db, { ttl: 600, max: 7_200 });
    assert.deepEqual(await world.live([db], 1_500), [`0 {"${db}":"${db} 1"}`]);
    assert.deepEqual(
      callsOf(/lease|renew creds/),
      [402, 804, 1206].map((at) => `${at} renew ${db}#1`),
    );
    assert.equal(issuer().count(/read/), 1);
    assert.equal(issuer().logins.length, 1);
    assert.deepEqual(world.told(), { issued: 1, renewed: 3 });
  });

  it('is renewed up to a tenth later, so that not all are renewed at once', async () => {
    issuer().terms.set(db, { ttl: 600, max: 7_200 });
    world.outside.random = () => 0.999;
    await world.live([db], 500);
    assert.match(callsOf(/renew/).join(), /^461\.\d+ renew/);
  });

  it('is issued anew at the first Mount after a renewal was cut short, and the old one is left to its end', async () => {
    issuer().terms.set(db, { ttl: 600, max: 900 });
    const changes = await world.live([db], 1_000);
    // renewed at 402 s for only 498 s more; at 660 s the Mount after next, at 945 s, might be too late
    assert.deepEqual(
      changes.map((line) => line.split(' ')[0]),
      ['0', '660'],
    );
    assert.ok(issuer().isLive(`${db}#2`));
    assert.equal(issuer().count(/revoke/), 0);
    assert.deepEqual(world.told(), { issued: 2, renewed: 1 });
  });

  it('is at no moment dead in the file, through many maxima', async () => {
    issuer().terms.set(db, { ttl: 600, max: 1_800 });
    await world.mount([db]);
    for (let mounts = 0; mounts < 100; mounts++) {
      for (let second = 0; second < 75; second += 5) {
        await world.pass(5);
        const file = (await recall())[db];
        assert.ok(issuer().isLive(`${db}#${file?.split(' ')[1]}`), `${world.outside.clock.time} ${file}`);
      }
      shown = await world.mount([db]);
    }
    assert.ok(issuer().count(/read/) > 3);
  });
  let shown: Awaited<ReturnType<World['mount']>> | undefined;
  /** What the pod's file holds: the answer of the last Mount. */
  const recall = async () => (shown ??= await world.mount([db]));
  beforeEach(() => {
    shown = undefined;
  });

  it('is issued anew at the first Mount after the server said at a renewal that it does not know it', async () => {
    issuer().terms.set(db, { ttl: 600 });
    await world.mount([db]);
    issuer().leases.clear();
    await world.pass(401);
    assert.deepEqual(await world.mount([db]), { [db]: `${db} 1` });
    await world.pass(2);
    assert.deepEqual(await world.mount([db]), { [db]: `${db} 2` });
    assert.equal(issuer().logins.length, 1);
    assert.deepEqual(world.told(), { issued: 2, lost: 1 });
  });

  it('is issued anew with a new login after the server forgot the token', async () => {
    issuer().token = { ttl: 600, max: 7_200 };
    await world.mount([db, 'creds/mq']);
    for (const token of issuer().tokens.values()) token.revoked = true;
    await world.pass(403);
    assert.deepEqual(await world.mount([db, 'creds/mq']), { [db]: `${db} 3`, 'creds/mq': 'creds/mq 4' });
    assert.equal(issuer().logins.length, 2);
    assert.equal(world.outside.files.size, 1);
  });

  it('that cannot be renewed is issued anew when the Mount after next might be too late', async () => {
    issuer().terms.set(db, { ttl: 3_600, renewable: false });
    const changes = await world.live([db], 3_900);
    // (75 s + 210 s) and a tenth before its end
    assert.deepEqual(
      changes.map((line) => line.split(' ')[0]),
      ['0', '3360'],
    );
    assert.equal(issuer().count(/renew creds/), 0);
  });

  it('that lives shorter than the driver takes is told with a warning, at each issue', async () => {
    issuer().terms.set(db, { ttl: 60, renewable: false });
    await world.mount([db]);
    assert.equal(world.told()['too-short'], 1);
    await world.pass(75);
    await world.mount([db]);
    assert.equal(world.told()['too-short'], 2);
    issuer().terms.set('creds/long', { ttl: 3_600, renewable: false });
    await world.mount(['creds/long']);
    assert.equal(world.told()['too-short'], 2);
  });

  it('of years is believed for 30 days and renewed at 67 % of those', async () => {
    issuer().token = { ttl: 7_200_000, max: 72_000_000 };
    issuer().terms.set(db, { ttl: 7_200_000, max: 72_000_000 });
    await world.mount([db]);
    await world.pass(1_736_639);
    assert.equal(issuer().count(/renew/), 0);
    await world.pass(2);
    assert.deepEqual(callsOf(/renew/), [`1736640 renew t1`, `1736640 renew ${db}#1`]);
  });

  describe('whose server is away', () => {
    it('is served while it lives, and its renewal is tried again with longer pauses', async () => {
      issuer().terms.set(db, { ttl: 600 });
      await world.mount([db]);
      issuer().fault = away;
      await world.pass(402);
      assert.deepEqual(await world.mount([db]), { [db]: `${db} 1` });
      await world.pass(60);
      // 1, 2, 4, 8, 16, 30 s and half of each, for the fake random is 0
      assert.deepEqual(
        callsOf(/renew creds/).map((line) => line.split(' ')[0]),
        ['402', '402.5', '403.5', '405.5', '409.5', '417.5', '432.5', '447.5'],
      );
      issuer().fault = () => undefined;
      await world.pass(30);
      assert.deepEqual(await world.mount([db]), { [db]: `${db} 1` });
      assert.ok(issuer().isLive(`${db}#1`));
      assert.equal(issuer().count(/read/), 1);
    });

    it('is served although it is to be replaced, and replaced when the server is back', async () => {
      issuer().terms.set(db, { ttl: 3_600, renewable: false });
      await world.live([db], 3_225);
      issuer().fault = away;
      await world.pass(75);
      assert.deepEqual(await world.mount([db]), { [db]: `${db} 1` });
      issuer().fault = () => undefined;
      await world.pass(75);
      assert.deepEqual(await world.mount([db]), { [db]: `${db} 2` });
    });

    it('is not served any more past its end', async () => {
      issuer().terms.set(db, { ttl: 600 });
      await world.mount([db]);
      issuer().fault = away;
      await world.pass(601);
      assert.deepEqual(await world.mount([db]), { [db]: 'backend-unreachable' });
      issuer().fault = () => undefined;
      assert.deepEqual(await world.mount([db]), { [db]: `${db} 2` });
    });

    it('is renewed again when the server was sealed for a while', async () => {
      issuer().terms.set(db, { ttl: 600 });
      await world.mount([db]);
      issuer().fault = () => new KeymountError('backend-sealed', 'it is sealed');
      await world.pass(500);
      issuer().fault = () => undefined;
      await world.pass(60);
      assert.deepEqual(await world.mount([db]), { [db]: `${db} 1` });
      assert.equal(issuer().count(/read/), 1);
    });
  });

  it('is not renewed by a process that stopped, and nothing is revoked', async () => {
    issuer().terms.set(db, { ttl: 600 });
    await world.mount([db]);
    world.leases.close();
    await world.pass(600);
    assert.equal(issuer().count(/renew|revoke/), 0);
    assert.equal(world.outside.clock.sleepers, 0);
    assert.equal(world.outside.files.size, 1);
  });

  it('is served also where it cannot be stored, which is told', async () => {
    world.saveFails = true;
    assert.deepEqual(await world.mount([db]), { [db]: `${db} 1` });
    assert.deepEqual(await world.mount([db]), { [db]: `${db} 1` });
    // before it was asked for, and after
    assert.equal(world.told()['not-saved'], 2);
  });

  it('is ended, and lost, also where its record cannot be removed, which is told', async () => {
    world.removeFails = true;
    issuer().terms.set(db, { ttl: 600 });
    await world.mount([db]);
    await world.end(pod);
    assert.equal(world.told().revoked, 1);
    assert.equal(world.notRemoved, 1);
    await world.mount([db]);
    for (const token of issuer().tokens.values()) token.revoked = true;
    await world.pass(600);
    await world.mount([db]);
    await world.pass(1);
    assert.equal(world.notRemoved, 2);
  });

  it('is its own for each of 250 pods, and none is lost', async () => {
    issuer().terms.set(db, { ttl: 600, max: 72_000 });
    world.outside.random = Math.random;
    const pods = Array.from({ length: 250 }, () => callerOf(aPod()));
    const first = await Promise.all(pods.map((each) => world.mount([db], each)));
    assert.equal(new Set(first.map((answer) => answer[db])).size, 250);
    await world.pass(3_000);
    assert.deepEqual(await Promise.all(pods.map((each) => world.mount([db], each))), first);
    assert.equal(issuer().live().length, 250);
    assert.equal(issuer().count(/read/), 250);
  });
});

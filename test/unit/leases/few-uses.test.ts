import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { KeymountError } from '../../../provider/errors.ts';
import { pod, World } from './keeping-world.ts';

const db = 'creds/db';
const kv = 'kv/app';

describe('a credential whose token has few uses', () => {
  let world: World;
  beforeEach(() => {
    world = new World();
  });
  const issuer = () => world.outside.issuer;

  it('is not renewed, and replaced with its token in time', async () => {
    issuer().token = { ttl: 1_200, max: 72_000, uses: 2 };
    issuer().terms.set(db, { ttl: 3_600 });
    const changes = await world.live([db], 3_600);
    assert.equal(issuer().count(/renew/), 0);
    assert.equal(changes.length, issuer().logins.length);
    assert.equal(changes.length, 4);
  });

  it('is at no moment dead in the file, whatever the uses, and ends with the pod', async () => {
    for (let uses = 3; uses <= 9; uses++) {
      world = new World();
      issuer().token = { ttl: 1_200, max: 72_000, uses };
      issuer().terms.set(db, { ttl: 3_600 });
      for (let mounts = 0; mounts < 60; mounts++) {
        const answer = await world.mount([kv, db]);
        for (let round = 0; round < 15; round++) {
          await world.pass(5);
          const id = `${db}#${answer[db]?.split(' ')[1]}`;
          assert.ok(issuer().isLive(id), `${uses} uses, Mount ${mounts}: ${JSON.stringify(answer)}`);
        }
      }
      // one for the credential, and one that is kept
      const mountsOfOne = uses - 2;
      assert.ok(issuer().logins.length <= 60 / mountsOfOne + 1, `${issuer().logins.length} logins of ${uses} uses`);
      const ended = world.leases.endPod(pod.identity.podUid);
      // of many tokens, four at once
      await world.pass(30);
      await ended;
      assert.deepEqual(issuer().live(), []);
    }
  });

  it('moves to a new token at the Mount that needs more, and the old one is neither lost nor renewed', async () => {
    issuer().token = { ttl: 3_600, max: 72_000, uses: 3 };
    assert.deepEqual(await world.mount([kv, db]), { [kv]: `${kv} 1`, [db]: `${db} 2` });
    await world.pass(75);
    assert.deepEqual(await world.mount([kv, db]), { [kv]: `${kv} 3`, [db]: `${db} 4` });
    assert.deepEqual(issuer().live(), [`${db}#2`, `${db}#4`]);
    assert.deepEqual(world.told(), { issued: 2 });
    assert.deepEqual(
      [...world.leases.list()].map(({ replaced, lost }) => [replaced, lost]),
      [
        [true, false],
        [false, false],
      ],
    );
  });

  it('is not made again and again where no token is enough, and no Mount logs in more than once', async () => {
    issuer().token = { ttl: 3_600, uses: 2 };
    for (let mounts = 1; mounts <= 20; mounts++) {
      assert.equal((await world.mount([db, kv]))[kv], 'token-used-up');
      await world.pass(1);
    }
    assert.equal(issuer().logins.length, 1);
    assert.equal(issuer().count(/read creds/), 1);
  });

  it('is there soon after the role was mended', async () => {
    issuer().token = { ttl: 3_600, uses: 2 };
    assert.equal((await world.mount([db, kv]))[kv], 'token-used-up');
    issuer().token = { ttl: 3_600 };
    assert.equal((await world.mount([db, kv]))[kv], 'token-used-up');
    await world.pass(600);
    assert.equal((await world.mount([db, kv]))[kv], `${kv} 3`);
  });

  it('is issued once while a class that is too large fails at every try of kubelet', async () => {
    issuer().token = { ttl: 3_600, max: 72_000, uses: 3 };
    for (let mounts = 0; mounts < 9; mounts++) {
      await world.mount([db, 'kv/1', 'kv/2', 'kv/3', 'kv/4']);
      await world.pass(60);
    }
    assert.deepEqual([issuer().count(/read creds/), issuer().logins.length], [1, 1]);
  });

  it('is served while no login is to be had, and nothing of it is lost', async () => {
    issuer().token = { ttl: 3_600, max: 72_000, uses: 3 };
    await world.mount([kv, db]);
    await world.pass(75);
    issuer().fault = (call) => (call === 'login' ? new KeymountError('backend-unreachable', 'away') : undefined);
    assert.deepEqual(await world.mount([kv, db]), { [kv]: 'backend-unreachable', [db]: `${db} 2` });
    assert.ok(issuer().isLive(`${db}#2`));
  });

  it('that is to be replaced is served while no login is to be had', async () => {
    issuer().token = { ttl: 36_000, uses: 2 };
    issuer().terms.set(db, { ttl: 600 });
    await world.mount([db]);
    issuer().fault = (call) => (call === 'login' ? new KeymountError('backend-unreachable', 'away') : undefined);
    await world.pass(400);
    assert.deepEqual(await world.mount([db]), { [db]: `${db} 1` });
    issuer().fault = () => undefined;
    assert.deepEqual(await world.mount([db]), { [db]: `${db} 2` });
  });

  it('asks nothing of the token when a read is refused, and one login tells', async () => {
    issuer().token = { ttl: 3_600, uses: 50 };
    await world.mount([db]);
    issuer().fault = (call, what) =>
      call === 'read' && what === kv ? new KeymountError('secret-denied', 'refused') : undefined;
    for (let mounts = 0; mounts < 5; mounts++) {
      assert.equal((await world.mount([db, kv]))[kv], 'secret-denied');
    }
    assert.equal(issuer().count(/renew/), 0);
    assert.equal(issuer().logins.length, 2);
  });

  it('is served by the next process to its end, and revoked with the use that was kept', async () => {
    issuer().token = { ttl: 1_200, uses: 2 };
    issuer().terms.set(db, { ttl: 3_600 });
    await world.mount([db]);
    const next = await world.restart();
    assert.deepEqual(await next.mount([db]), { [db]: `${db} 1` });
    assert.equal(issuer().logins.length, 1);
    await next.pass(900);
    assert.deepEqual(await next.mount([db]), { [db]: `${db} 2` });
    assert.deepEqual(issuer().live(), [`${db}#1`, `${db}#2`]);
    await next.end(pod);
    assert.deepEqual(issuer().live(), []);
    assert.equal(issuer().count(/renew/), 0);
  });
});

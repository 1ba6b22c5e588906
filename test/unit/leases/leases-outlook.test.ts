import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { KeymountError } from '../../../provider/errors.ts';
import { aPod } from '../../lab/pod.ts';
import { callerOf } from '../sessions/fake-store.ts';
import { pod, World } from './keeping-world.ts';

const db = 'creds/db';

describe('the outlook of what is in keeping', () => {
  let world: World;
  beforeEach(() => {
    world = new World();
    world.outside.issuer.terms.set(db, { ttl: 600, max: 7_200 });
  });
  const issuer = () => world.outside.issuer;
  const outlook = () => world.leases.outlook;

  it('of nothing has no end', () => {
    assert.deepEqual(outlook(), { count: 0, firstEnd: Number.POSITIVE_INFINITY, overdue: 0, revocations: 0 });
  });

  it('says when the first of them ends, be it by its lease, its token or as a certificate', async () => {
    await world.mount([db]);
    assert.deepEqual([outlook().count, outlook().firstEnd], [1, 600_000]);
    issuer().terms.set('cert/web', { ttl: 500 });
    await world.mount(['cert/web']);
    assert.deepEqual([outlook().count, outlook().firstEnd], [2, 500_000]);
    issuer().token = { ttl: 400 };
    await world.mount([db], callerOf(aPod()));
    assert.deepEqual([outlook().count, outlook().firstEnd], [3, 400_000]);
    await world.pass(100);
    assert.equal(outlook().firstEnd, 300_000);
  });

  it('is none of what an earlier token gave, which is left to its end', async () => {
    issuer().token = { ttl: 1_200, max: 2_400 };
    issuer().terms.set(db, { ttl: 72_000 });
    await world.live([db], 2_325);
    assert.equal([...world.leases.list()].length, 2);
    assert.equal(outlook().count, 1);
    assert.ok(outlook().firstEnd > 600_000);
  });

  it('has nothing overdue while renewals and replacements come in time', async () => {
    issuer().terms.set('creds/sts', { ttl: 3_600, renewable: false });
    for (let mounts = 0; mounts < 120; mounts++) {
      await world.mount([db, 'creds/sts']);
      await world.pass(75);
      assert.equal(outlook().overdue, 0, `${mounts}`);
    }
  });

  it('has a credential overdue whose renewals fail, and not any more when they succeed', async () => {
    await world.mount([db]);
    issuer().fault = () => new KeymountError('backend-unreachable', 'nobody answers');
    await world.pass(500);
    assert.equal(outlook().overdue, 0);
    await world.pass(40);
    assert.equal(outlook().overdue, 1);
    issuer().fault = () => undefined;
    await world.pass(31);
    assert.equal(outlook().overdue, 0);
  });

  it('has a credential overdue that cannot be renewed, and that no Mount comes to replace', async () => {
    issuer().terms.set('creds/sts', { ttl: 3_600, renewable: false });
    await world.mount(['creds/sts']);
    await world.pass(3_520);
    assert.equal(outlook().overdue, 0);
    await world.pass(10);
    assert.equal(outlook().overdue, 1);
    await world.pass(80);
    assert.deepEqual([outlook().count, outlook().overdue], [0, 0]);
  });

  it('counts pods that are gone among the revocations alone', async () => {
    await world.mount([db]);
    issuer().fault = () => new KeymountError('backend-unreachable', 'nobody answers');
    void world.leases.endPod(pod.identity.podUid);
    await world.pass(100);
    assert.deepEqual([outlook().count, outlook().overdue, outlook().revocations], [0, 0, 1]);
    issuer().fault = () => undefined;
    await world.pass(100);
    assert.equal(outlook().revocations, 0);
  });
});

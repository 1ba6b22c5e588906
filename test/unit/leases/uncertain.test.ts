import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { KeymountError } from '../../../provider/errors.ts';
import { pod, World } from './keeping-world.ts';

const db = 'creds/db';
const lost = () => new KeymountError('issue-uncertain', 'nobody knows');

describe('an issue without an answer', () => {
  let world: World;
  beforeEach(() => {
    world = new World();
  });
  const issuer = () => world.outside.issuer;
  const fail = () => {
    issuer().fault = (call) => (call === 'read' ? lost() : undefined);
  };

  it('is not repeated by the Mounts that follow at once, then after longer and longer pauses', async () => {
    fail();
    for (let second = 0; second < 1_200; second += 10) {
      assert.equal((await world.mount([db]))[db], 'issue-uncertain');
      await world.pass(10);
    }
    const times = issuer()
      .calls.filter((line) => line.includes('read'))
      .map((line) => line.split(' ')[0]);
    assert.deepEqual(times, ['0', '30', '90', '210', '450', '930']);
  });

  it('is one credential once there is an answer again', async () => {
    fail();
    await world.mount([db]);
    issuer().fault = () => undefined;
    assert.equal((await world.mount([db]))[db], 'issue-uncertain');
    await world.pass(30);
    assert.equal((await world.mount([db]))[db], `${db} 1`);
    assert.equal((await world.mount([db]))[db], `${db} 1`);
  });

  it('leaves the token to be ended with the pod, also after a restart', async () => {
    fail();
    await world.mount([db]);
    assert.ok(world.known.has(pod.identity.podUid), 'the end of the pod is watched for');
    issuer().fault = () => undefined;
    world = await world.restart();
    assert.ok(issuer().isLive('t1'));
    await world.end(pod);
    assert.equal(issuer().isLive('t1'), false);
    assert.equal(world.outside.files.size, 0);
  });

  it('of a replacement leaves what is there in use, and is not asked for at every Mount', async () => {
    issuer().terms.set(db, { ttl: 600, renewable: false });
    await world.mount([db]);
    await world.pass(450);
    fail();
    const before = issuer().count(/read/);
    for (let count = 0; count < 5; count++) {
      assert.equal((await world.mount([db]))[db], `${db} 1`);
      await world.pass(5);
    }
    assert.equal(issuer().count(/read/) - before, 1);
    issuer().fault = () => undefined;
    await world.pass(10);
    assert.equal((await world.mount([db]))[db], `${db} 2`);
  });
});

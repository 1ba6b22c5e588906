import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { KeymountError } from '../../../provider/errors.ts';
import { sourcesOf } from '../sessions/fake-store.ts';
import { pod, World } from './keeping-world.ts';

const db = 'creds/db';
const connection = { kind: 'named', name: 'prod' } as const;
const as = (role: string) => sourcesOf({ address: db, access: { connection, role } });

describe('a pod with two roles', () => {
  let world: World;
  beforeEach(() => {
    world = new World();
    world.outside.issuer.terms.set(db, { ttl: 600, max: 72_000 });
  });
  const issuer = () => world.outside.issuer;
  const both = async () => [await world.mount([db], pod, as('reader')), await world.mount([db], pod, as('writer'))];

  it('has a token and a credential of each, and both are renewed', async () => {
    const first = await both();
    assert.deepEqual(first, [{ [db]: `${db} 1` }, { [db]: `${db} 2` }]);
    for (let count = 0; count < 10; count++) {
      await world.pass(300);
      assert.deepEqual(await both(), first);
    }
    assert.equal(issuer().logins.length, 2);
    assert.ok(issuer().count(/renew creds\/db#1/) > 3);
    assert.ok(issuer().count(/renew creds\/db#2/) > 3);
  });

  it('has both after a restart, and both end with it', async () => {
    const first = await both();
    world = await world.restart();
    await world.pass(3_000);
    assert.deepEqual(await both(), first);
    await world.end(pod);
    assert.deepEqual(issuer().live(), []);
    assert.equal(world.outside.files.size, 0);
  });
});

describe('a credential', () => {
  let world: World;
  beforeEach(() => {
    world = new World();
  });
  const issuer = () => world.outside.issuer;

  it('whose replacement is refused for good is not served any more', async () => {
    issuer().terms.set(db, { ttl: 3_600, renewable: false });
    await world.live([db], 3_225);
    issuer().fault = (call) => (call === 'read' ? new KeymountError('secret-denied', 'no') : undefined);
    await world.pass(75);
    assert.deepEqual(await world.mount([db]), { [db]: 'secret-denied' });
    issuer().fault = (call) => (call === 'read' ? new KeymountError('secret-missing', 'gone') : undefined);
    assert.deepEqual(await world.mount([db]), { [db]: 'secret-missing' });
  });

  for (const [hours, number] of [
    [2, 2],
    [-2, 1],
  ] as const) {
    it(`that is a certificate ends by the machine's clock, set by ${hours} h, and a lease beside it does not`, async () => {
      issuer().terms.set('cert/web', { ttl: 3_600 });
      issuer().terms.set(db, { ttl: 3_600, renewable: false });
      issuer().token = { ttl: 720_000 };
      await world.mount([db, 'cert/web']);
      const before = world.leases.outlook;
      assert.equal(before.firstEnd, 3_600_000);
      world.outside.jumped = hours * 3_600_000;
      const { count, firstEnd } = world.leases.outlook;
      assert.deepEqual([count, firstEnd], [number === 2 ? 1 : 2, 3_600_000]);
      const after = await world.mount([db, 'cert/web']);
      assert.equal(after[db], `${db} 1`);
      assert.equal(after['cert/web'], number === 2 ? 'cert/web 3' : 'cert/web 2');
    });
  }
});

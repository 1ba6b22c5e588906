import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { KeymountError } from '../../../provider/errors.ts';
import { aPod } from '../../lab/pod.ts';
import { callerOf } from '../sessions/fake-store.ts';
import { World } from './keeping-world.ts';

const db = 'creds/db';

describe('a credential in keeping', () => {
  let world: World;
  beforeEach(() => {
    world = new World();
  });
  const issuer = () => world.outside.issuer;
  const callsOf = (pattern: RegExp) => issuer().calls.filter((line) => pattern.test(line));

  describe('through a token', () => {
    it('with a maximum is issued anew through a new one in time, and the old one is left to its end', async () => {
      issuer().token = { ttl: 1_200, max: 3_600 };
      issuer().terms.set(db, { ttl: 1_200 });
      const changes = await world.live([db], 3_750);
      assert.deepEqual(
        changes.map((line) => line.split(' ')[1]),
        [`{"${db}":"${db}`, `{"${db}":"${db}`],
      );
      assert.equal(issuer().logins.length, 2);
      // the first ended by itself, after the second was in the file for a while
      const [, second = ''] = changes.map((line) => line.split(' ')[0]);
      assert.ok(Number(second) >= 3_600 - 388 && Number(second) <= 3_600 - 150, second);
      assert.ok(issuer().isLive(`${db}#2`));
      assert.equal(issuer().count(/revoke/), 0);
    });

    it('that is periodic goes on for ever', async () => {
      issuer().token = { ttl: 1_800, periodic: true };
      assert.equal((await world.live([db], 200_000)).length, 3); // two maxima of the lease, 72,000 s each
      assert.equal(issuer().logins.length, 1);
      assert.ok(issuer().isLive('t1'));
    });

    it('that cannot be renewed, as a batch token, is issued anew through a new one in time', async () => {
      issuer().token = { ttl: 1_200, renewable: false };
      const changes = await world.live([db], 2_400);
      assert.equal(issuer().logins.length, 3);
      assert.equal(changes.length, 3);
      assert.equal(issuer().count(/renew t/), 0);
    });

    it('that the role does not let renew itself is treated like one that cannot be renewed', async () => {
      issuer().token = { ttl: 1_200, max: 36_000 };
      issuer().fault = (call, what) =>
        call === 'renew' && what.startsWith('t') ? new KeymountError('backend-rejected', 'refused') : undefined;
      await world.live([db], 1_200);
      assert.equal(issuer().logins.length, 2);
      assert.equal(world.told()['renewal-failed'], 1);
      assert.equal(world.told()['lost'], undefined);
    });

    it('that ended leaves nothing behind in memory or on disk, however long the pod lives', async () => {
      issuer().token = { ttl: 1_200, max: 2_400 };
      await world.live([db], 24_000);
      assert.ok(issuer().logins.length > 8);
      assert.ok([...world.leases.list()].length <= 2, `${[...world.leases.list()].length} tokens are remembered`);
      assert.ok(world.outside.files.size <= 2, `${world.outside.files.size} records are stored`);
    });

    it('that ended is forgotten although its pod is never heard of again', async () => {
      issuer().token = { ttl: 600, max: 600 };
      await world.mount([db]);
      await world.pass(700);
      await world.mount([db], callerOf(aPod()));
      assert.equal([...world.leases.list()].length, 1);
      assert.equal(world.outside.files.size, 1);
    });
  });

  describe('with a certificate', () => {
    it('is issued anew at 67 to 77 % of its life, without a lease', async () => {
      issuer().terms.set('cert/web', { ttl: 86_400 });
      const [, second = ''] = await world.live(['cert/web'], 80_000);
      const share = Number(second.split(' ')[0]) / 86_400;
      assert.ok(share >= 0.67 && share < 0.9, second);
    });

    it('is issued anew at 67 to 77 % of its life, with a lease as well', async () => {
      issuer().terms.set('leased-cert/web', { ttl: 86_400, renewable: false });
      world.outside.random = () => 0.5;
      const [, second = ''] = await world.live(['leased-cert/web'], 80_000);
      assert.ok(second.startsWith('62235 '), second); // 72 % and up to 75 s
    });

    it('is never served past its end, by the clock of this machine', async () => {
      issuer().terms.set('cert/web', { ttl: 3_600 });
      await world.mount(['cert/web']);
      world.outside.jumped = 3_600_000;
      assert.deepEqual(await world.mount(['cert/web']), { 'cert/web': 'cert/web 2' });
    });

    it('is one for two objects of one issue call', async () => {
      issuer().terms.set('cert/web', { ttl: 3_600 });
      const source = { address: 'cert/web', request: { method: 'PUT', args: { common_name: 'a' } } };
      const { sourcesOf } = await import('../sessions/fake-store.ts');
      assert.equal(sourcesOf(source, source).length, 1);
      await Promise.all([world.mount(['cert/web']), world.mount(['cert/web'])]);
      assert.equal(issuer().count(/read/), 1);
    });
  });

  describe('on a machine whose clock is set', () => {
    for (const hours of [1, -1]) {
      it(`by ${hours} h is neither issued anew nor renewed late`, async () => {
        issuer().token = { ttl: 1_200, max: 72_000 };
        issuer().terms.set(db, { ttl: 600, max: 72_000 });
        await world.mount([db]);
        await world.pass(100);
        world.outside.jumped = hours * 3_600_000;
        assert.deepEqual(await world.mount([db]), { [db]: `${db} 1` });
        await world.pass(2_000);
        assert.deepEqual(await world.mount([db]), { [db]: `${db} 1` });
        assert.deepEqual(callsOf(/renew creds/).slice(0, 2), [`402 renew ${db}#1`, `804 renew ${db}#1`]);
        assert.equal(issuer().logins.length, 1);
        assert.equal(issuer().count(/read/), 1);
      });
    }
  });
});

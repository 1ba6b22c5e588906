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

  describe('that is a certificate to be revoked', () => {
    const cert = 'cert/revoked';
    const takenBack = () => issuer().calls.filter((line) => /take back|revoke t/.test(line));

    it('is taken back when its pod ends, before the token, with what it replaced and is still valid', async () => {
      issuer().terms.set(cert, { ttl: 3_600 });
      await world.live([cert, 'cert/web'], 4_000);
      await world.end(pod);
      const end = takenBack()[0]?.split(' ')[0];
      assert.deepEqual(
        takenBack().map((line) => line.replace(`${end} `, '')),
        ['take back 3 by t1', 'revoke t1'],
      );
    });

    it('is taken back also where another pod mounts before the next token of its own', async () => {
      issuer().token = { ttl: 1_200, max: 72_000 };
      issuer().terms.set(cert, { ttl: 7_200 });
      await world.mount([cert]);
      const token = issuer().tokens.get('t1');
      assert.ok(token !== undefined);
      token.revoked = true;
      await world.pass(810);
      assert.equal(world.told()['lost'], 1);
      await world.mount([db], callerOf(aPod({ name: 'other', uid: 'other' })));
      await world.mount([cert]);
      await world.end(pod);
      assert.deepEqual(
        takenBack().map((line) => line.split(' ').slice(1).join(' ')),
        ['take back 1 by t3', 'take back 3 by t3', 'revoke t3'],
      );
    });

    it('is taken back by the token that is there then, of this process or the next', async () => {
      issuer().token = { ttl: 1_200, max: 2_400 };
      issuer().terms.set(cert, { ttl: 3_500 });
      await world.live([cert], 3_000);
      assert.equal(issuer().logins.length, 2);
      const next = await world.restart();
      const ended = next.leases.endPod(pod.identity.podUid);
      await next.pass(10);
      await ended;
      const [first = '', second = '', ...tokens] = takenBack().map((line) => line.split(' ').slice(1).join(' '));
      assert.deepEqual([first, second], ['take back 1 by t2', 'take back 2 by t2']);
      assert.ok(tokens.includes('revoke t2'));
    });
  });

  describe('of a Mount that fails', () => {
    it('on its second object is made once, and used when that is mended', async () => {
      issuer().fault = (call, what) =>
        call === 'read' && what === 'kv/app' ? new KeymountError('secret-missing', 'nothing there') : undefined;
      for (let tries = 0; tries < 5; tries++) {
        assert.deepEqual(await world.mount([db, 'kv/app']), { [db]: `${db} 1`, 'kv/app': 'secret-missing' });
        await world.pass(2);
      }
      issuer().fault = () => undefined;
      assert.deepEqual(await world.mount([db, 'kv/app']), { [db]: `${db} 1`, 'kv/app': 'kv/app 2' });
      assert.equal(issuer().count(/read creds/), 1);
      assert.equal(issuer().logins.length, 1);
    });

    it('because a path is forbidden is not thrown away by asking whether the token still counts', async () => {
      issuer().fault = (call, what) =>
        call === 'read' && what === 'kv/app' ? new KeymountError('secret-denied', 'no') : undefined;
      await world.mount([db]);
      for (let tries = 0; tries < 5; tries++) {
        assert.deepEqual(await world.mount([db, 'kv/app']), { [db]: `${db} 1`, 'kv/app': 'secret-denied' });
      }
      assert.equal(issuer().logins.length, 1);
    });

    it('is served although its replacement is refused for the number of requests', async () => {
      issuer().terms.set(db, { ttl: 3_600, renewable: false });
      await world.live([db], 3_225);
      issuer().fault = () => new KeymountError('backend-throttled', 'too many');
      await world.pass(75);
      assert.deepEqual(await world.mount([db]), { [db]: `${db} 1` });
    });
  });

  describe('at the end of its pod', () => {
    it('ends with its token, and so does what an earlier token gave', async () => {
      issuer().token = { ttl: 1_200, max: 2_400 };
      await world.live([db], 2_325);
      assert.equal(issuer().logins.length, 2);
      assert.equal(issuer().live().length, 2);
      const other = callerOf(aPod());
      await world.mount([db], other);
      await world.end(pod);
      assert.deepEqual(issuer().live(), [`${db}#3`]);
      assert.equal(world.told()['revoked'], 2);
      assert.equal(world.outside.files.size, 1);
    });

    it('is tried again until the server answers, also after hours', async () => {
      issuer().token = { ttl: 72_000 };
      await world.mount([db]);
      issuer().fault = away;
      void world.leases.endPod(pod.identity.podUid);
      await world.pass(3 * 3_600);
      assert.ok(world.told()['revocation-failed'] ?? 0 >= 1);
      assert.equal(world.outside.files.size, 1, 'it is remembered until it is done');
      issuer().fault = () => undefined;
      await world.pass(1_200);
      assert.deepEqual(issuer().live(), []);
      assert.equal(world.told()['revoked'], 1);
      assert.equal(world.outside.files.size, 0);
      assert.equal(world.outside.clock.sleepers, 0);
    });

    it('is not called revoked where the server refused it', async () => {
      await world.mount([db]);
      issuer().fault = (call) => (call === 'revoke' ? new KeymountError('backend-rejected', 'no') : undefined);
      void world.leases.endPod(pod.identity.podUid);
      await world.pass(1);
      assert.equal(world.told()['revocation-failed'], 1);
      assert.equal(world.told()['revoked'], undefined);
    });

    it('is revoked once however often the end is proven', async () => {
      await world.mount([db]);
      issuer().fault = (call) => (call === 'revoke' ? new Promise(() => {}) : undefined);
      void world.leases.endPod(pod.identity.podUid);
      void world.leases.endPod(pod.identity.podUid);
      await world.pass(1);
      assert.equal(issuer().count(/revoke/), 1);
    });

    it('is not waited for by a process that stops', async () => {
      await world.mount([db]);
      issuer().fault = away;
      const ending = world.leases.endPod(pod.identity.podUid);
      await world.pass(5);
      world.leases.close();
      await ending;
      assert.equal(world.outside.clock.sleepers, 0);
      assert.equal(world.outside.files.size, 1);
    });
  });

  describe('that is being issued', () => {
    it('is known by its token before it is asked for, so that no crash leaves anything that outlives the pod', async () => {
      let stored = 0;
      issuer().fault = (call) => {
        if (call === 'read') stored = world.outside.files.size;
        return undefined;
      };
      await world.mount([db, 'creds/mq']);
      assert.equal(stored, 1);
      assert.equal(world.outside.files.size, 1);
    });

    it('and never heard of ends with the pod, and the next process goes on with its token', async () => {
      issuer().fault = (call) => (call === 'read' ? new Promise(() => {}) : undefined);
      void world.mount([db]);
      await world.pass(1);
      const [token = ''] = issuer().tokens.keys();
      issuer().leases.set('orphan', {
        ...(issuer().tokens.get(token) as never as object),
        id: 'orphan',
        token,
      } as never);
      issuer().fault = () => undefined;
      world = await world.restart();
      assert.deepEqual(await world.mount([db]), { [db]: `${db} 1` });
      assert.equal(issuer().logins.length, 1);
      assert.equal(issuer().live().length, 2);
      await world.end(pod);
      assert.deepEqual(issuer().live(), []);
      assert.equal(world.outside.files.size, 0);
    });

    it('leaves nothing stored where it turned out to have no end, and is stored about once', async () => {
      const stored: number[] = [];
      issuer().fault = (call) => {
        if (call === 'read') stored.push(world.outside.files.size);
        return undefined;
      };
      await world.mount(['kv/app', 'kv/other']);
      assert.deepEqual(stored, [1, 1]);
      assert.equal(world.outside.files.size, 0);
      await world.pass(61);
      await world.mount(['kv/app', 'kv/other']);
      assert.deepEqual(stored, [1, 1, 0, 0]);
    });

    it('is not forgotten while another volume of the pod still waits for it', async () => {
      const release = Promise.withResolvers<never>();
      issuer().fault = (_call, what) => (what === db ? release.promise : undefined);
      const slow = world.mount([db]);
      await world.mount(['kv/app']);
      assert.equal(world.outside.files.size, 1);
      release.reject(new KeymountError('secret-missing', 'nothing there'));
      await slow;
      assert.equal(world.outside.files.size, 0);
    });
  });
});

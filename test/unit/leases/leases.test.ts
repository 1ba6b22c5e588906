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

  it('is renewed at 67 % of years, without a timer that overflows', async () => {
    issuer().token = { ttl: 7_200_000, max: 72_000_000 };
    issuer().terms.set(db, { ttl: 7_200_000, max: 72_000_000 });
    await world.mount([db]);
    await world.pass(4_823_999);
    assert.equal(issuer().count(/renew/), 0);
    await world.pass(2);
    assert.deepEqual(callsOf(/renew/), [`4824000 renew t1`, `4824000 renew ${db}#1`]);
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

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Keymount } from '../e2e/keymount.ts';
import { requestOf } from '../e2e/requests.ts';
import { until } from '../e2e/until.ts';
import { refused } from '../lab/grpc-client.ts';
import { jwtRole } from '../lab/openbao-auth.ts';
import type { Pod } from '../lab/pod.ts';
import { requiresPostgres } from '../lab/postgres.ts';
import { type LabProxy, startProxy } from '../lab/proxy.ts';
import { requires } from '../lab/tools.ts';
import { classOf, dbObjects, type LeaseLab, type Mounted, startLeaseLab } from './lab.ts';

const skip = requires('bao').skip || requiresPostgres().skip;
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const kv = (name: string) => ({ objectName: `kv-${name}`, secretPath: `secret/data/shop/${name}`, secretKey: 'k' });

/** A pod of a test, and a role whose tokens may be used so many times. */
interface Scene {
  readonly pod: Pod;
  readonly proxy: LabProxy;
  readonly keymount: () => Keymount;
  /** A database role of its own, ttl 600 s. */
  readonly role: string;
  readonly mount: (objects: readonly object[]) => Promise<Mounted>;
  readonly refusal: (objects: readonly object[]) => Promise<string>;
  readonly killAndStart: () => Promise<void>;
}

describe('a class under token_num_uses', { skip, concurrency: 4 }, () => {
  let lab: LeaseLab;
  let scenes = 0;
  before(async () => {
    lab = await startLeaseLab();
    for (const name of ['a', 'b', 'c']) await lab.bao.write(`secret/data/shop/${name}`, { data: { k: name } });
  });
  after(async () => {
    await lab.untilRoles(0, 20_000);
    await lab.stop();
  });
  const works = ({ files }: Mounted) => lab.postgres.canLogIn(files['user'] ?? '', files['password'] ?? '');

  function scene(title: string, uses: number, play: (scene: Scene) => Promise<void>, ttl = '1h') {
    it(title, async () => {
      const role = `uses${++scenes}`;
      await lab.dbRole(role, 600, 3_600);
      await jwtRole(lab.bao, { name: role, policies: ['app'], ttl, more: { token_num_uses: uses } });
      const proxy = await startProxy(lab.bao.address);
      const pod = lab.pod();
      const env = { KEYMOUNT_REFRESH_INTERVAL: '0' };
      let keymount = await lab.keymount({ env, address: proxy.address });
      await play({
        pod,
        proxy,
        role,
        keymount: () => keymount,
        mount: (objects) => lab.mount(keymount, pod, objects, { roleName: role }),
        async refusal(objects) {
          const parameters = classOf(objects, { roleName: role });
          return refused(await keymount.mount('vault', requestOf(lab.kube.issuer, { pod, parameters }))).message;
        },
        async killAndStart() {
          keymount.child.signal('SIGKILL');
          await keymount.child.ended;
          const { socketFolder, stateFolder } = keymount;
          keymount = await lab.keymount({ env, address: proxy.address, socketFolder, stateFolder });
        },
      });
      if (lab.kube.pods.get(`${pod.namespace}/${pod.name}`) !== undefined) lab.kube.podFeed.remove(pod);
      await lab.untilRoles(0, 8_000, role);
      assert.equal(proxy.count(/renew|lookup|internal\/ui/), 0, 'something was spent in the background');
      await keymount.stop();
      await proxy.close();
    });
  }

  scene('of as many reads as the token has uses is mounted, with a login each time', 2, async ({ mount, proxy }) => {
    for (let count = 1; count <= 4; count++) {
      assert.deepEqual((await mount([kv('a'), kv('b')])).files, { 'kv-a': 'a', 'kv-b': 'b' });
      assert.equal(proxy.count(/login$/), count);
    }
  });

  scene('of fewer reads uses a token up before it logs in again', 5, async ({ mount, proxy }) => {
    for (let count = 0; count < 6; count++) await mount([kv('a'), kv('b')]);
    assert.equal(proxy.count(/login$/), 3);
  });

  scene(
    'keeps one database credential to the end of the token, and replaces it before',
    2,
    async ({ mount, pod, role, proxy }) => {
      const users = new Set<string>();
      const end = performance.now() + 9_000;
      while (performance.now() < end) {
        const answer = await mount(dbObjects(role));
        users.add(answer.files['user'] ?? '');
        assert.ok(await works(answer), `${answer.files['user']} does not log in`);
        await pause(300);
      }
      assert.ok(users.size >= 2 && users.size <= 7, `${users.size}`);
      assert.equal(proxy.count(/login$/), users.size);
      const live = await lab.roles(role);
      assert.ok(live.length > 0);
      lab.kube.podFeed.remove(pod);
      await lab.untilRoles(0, 2_000, role);
    },
    '5s',
  );

  scene(
    'of key-value secrets and a credential moves to another token when the uses are up, and the old credential stays good',
    5,
    async ({ mount, pod, role, proxy }) => {
      const seen: Mounted[] = [];
      for (let count = 0; count < 8; count++) {
        const answer = await mount([kv('a'), ...dbObjects(role)]);
        seen.push(answer);
        assert.equal(answer.files['kv-a'], 'a');
        for (const each of seen) assert.ok(await works(each), `${each.files['user']} of Mount ${count}`);
      }
      // 5 uses: the credential, three times the key-value secret, and one for the end of the pod
      const users = seen.map(({ files }) => files['user']);
      assert.deepEqual([users[0], users[0], users[0], users[3], users[3], users[3]], users.slice(0, 6));
      assert.equal(new Set(users).size, 3);
      assert.equal(proxy.count(/login$/), 3);
      lab.kube.podFeed.remove(pod);
      await lab.untilRoles(0, 5_000, role);
      assert.equal(proxy.count(/revoke-self/), 3);
    },
  );

  scene('that needs more reads fails with the way out, and logs in once', 2, async ({ refusal, proxy }) => {
    for (let count = 0; count < 3; count++) {
      const message = await refusal([kv('a'), kv('b'), kv('c')]);
      assert.match(
        message,
        /takes one more use of the token than it has left; the role has token_num_uses: 2, set token_num_uses: 0 .*\[token-used-up\]/,
      );
      assert.ok(!message.includes('\n'));
    }
    assert.equal(proxy.count(/login$/), 1);
  });

  scene(
    'with a credential for the last use fails with the words of the server',
    1,
    async ({ refusal, role, proxy }) => {
      const message = await refusal(dbObjects(role));
      assert.match(message, /token had one use left.*token_num_uses: 1, set token_num_uses: 0 .*\[token-used-up\]/);
      assert.ok(proxy.count(/login$/) <= 2);
    },
  );

  scene(
    'with a credential and no use for the rest fails, and makes no more of them at once',
    2,
    async ({ refusal, role, proxy }) => {
      for (let count = 0; count < 4; count++)
        assert.match(await refusal([...dbObjects(role), kv('a')]), /token_num_uses: 0/);
      assert.equal(proxy.count(/login$/), 1);
      assert.equal((await lab.roles(role)).length, 1);
    },
  );

  scene(
    'is served after a kill -9 to the end of the token, and then through a new one',
    3,
    async ({ mount, role, proxy, killAndStart, pod }) => {
      const first = await mount(dbObjects(role));
      await killAndStart();
      assert.deepEqual(await mount(dbObjects(role)), first);
      assert.equal(proxy.count(/login$/), 1);
      const users = new Set<string>();
      await until(async () => {
        const answer = await mount(dbObjects(role));
        assert.ok(await works(answer), `${answer.files['user']} does not log in`);
        users.add(answer.files['user'] ?? '');
        return users.size >= 2;
      }, 14_000);
      lab.kube.podFeed.remove(pod);
      await lab.untilRoles(0, 2_000, role);
    },
    // A third of it is longer than a start beside three others takes.
    '12s',
  );
});

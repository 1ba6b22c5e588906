import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Keymount, LogLine } from '../e2e/keymount.ts';
import { until } from '../e2e/until.ts';
import { jwtRole } from '../lab/openbao-auth.ts';
import type { Pod } from '../lab/pod.ts';
import { requiresPostgres } from '../lab/postgres.ts';
import { type LabProxy, startProxy } from '../lab/proxy.ts';
import { requires } from '../lab/tools.ts';
import { counted, dbObjects, type LeaseLab, type Mounted, startLeaseLab } from './lab.ts';

const skip = requires('bao').skip || requiresPostgres().skip;
const second = 1_000;
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** One pod of a test, with a way to OpenBao of its own. */
interface Scene {
  readonly pod: Pod;
  readonly proxy: LabProxy;
  mount(role: string, parameters?: Record<string, string>): Promise<Mounted>;
  /** Mounts every 0.4 s; what the file holds must log in to PostgreSQL at every moment. How many credentials there were. */
  live(role: string, parameters: Record<string, string>, milliseconds: number): Promise<number>;
  /** Events of its leases. */
  told(event: string): LogLine[];
}

describe('credentials through tokens of all kinds', { skip, concurrency: 4 }, () => {
  let lab: LeaseLab;
  let keymount: Keymount;
  before(async () => {
    lab = await startLeaseLab();
    keymount = await lab.keymount();
    for (const role of ['long', 'batched']) await lab.dbRole(role, 600, 3_600);
    for (const role of ['short', 'lost']) await lab.dbRole(role, 4, 60);
    await lab.dbRole('capped', 4, 6);
  });
  after(async () => {
    await lab.untilRoles(0, 20 * second);
    await lab.stop();
  });
  const works = ({ files }: Mounted) => lab.postgres.canLogIn(files['user'] ?? '', files['password'] ?? '');
  const asked = ({ proxy }: Scene) => [proxy.count(/\/login$/), proxy.count(/database\/creds/)];

  function scene(title: string, play: (scene: Scene) => Promise<void>) {
    it(title, async () => {
      const proxy = await startProxy(lab.bao.address);
      const pod = lab.pod();
      const mount: Scene['mount'] = (role, parameters = {}) =>
        lab.mount(keymount, pod, dbObjects(role), { vaultAddress: proxy.address, ...parameters });
      const told = (wanted: string) =>
        keymount.log().filter(({ event, podUid }) => event === `lease-${wanted}` && podUid === pod.uid);
      try {
        await play({ pod, proxy, mount, told, live: (...of) => live(mount, ...of) });
      } finally {
        if (lab.kube.pods.get(`${pod.namespace}/${pod.name}`) !== undefined) lab.kube.podFeed.remove(pod);
        if (told('issued').length > 0) {
          await until(() => told('revoked').length + told('revocation-failed').length > 0).catch(() => {});
        }
        await proxy.close();
      }
    });
  }

  async function live(mount: Scene['mount'], role: string, parameters: Record<string, string>, milliseconds: number) {
    const users = new Set<string>();
    const end = performance.now() + milliseconds;
    while (performance.now() < end) {
      const answer = await mount(role, parameters);
      users.add(answer.files['user'] ?? '');
      for (const wait of [200, 150]) {
        assert.ok(await works(answer), `${answer.files['user']} does not log in`);
        await pause(wait);
      }
    }
    return users.size;
  }

  scene('are renewed, and replaced when a renewal is cut short, and always log in', async (scene) => {
    assert.equal(await scene.live('short', {}, 6 * second), 1);
    assert.ok(scene.proxy.count(/leases\/renew/) >= 1);
  });

  scene('are replaced before a maximum that a renewal told of, and always log in', async (scene) => {
    const users = await scene.live('capped', {}, 8 * second);
    assert.ok(users >= 2 && users <= 5, `${users}`);
    assert.equal(asked(scene)[0], 1);
  });

  scene('are replaced with the token before that reaches its maximum, and always log in', async (scene) => {
    await jwtRole(lab.bao, { name: 'maximum', policies: ['app'], ttl: '4s', more: { token_max_ttl: '6s' } });
    const users = await scene.live('long', { roleName: 'maximum' }, 9 * second);
    assert.ok(users >= 2 && users <= 6, `${users}`);
  });

  scene('last for ever with a periodic token', async (scene) => {
    await jwtRole(lab.bao, { name: 'periodic', policies: ['app'], more: { token_period: '3s' } });
    assert.equal(await scene.live('long', { roleName: 'periodic' }, 7 * second), 1);
    assert.equal(asked(scene)[0], 1);
    assert.ok(scene.proxy.count(/renew-self/) >= 2);
  });

  scene('of a batch token are replaced before its end, and what cannot be revoked is counted', async (scene) => {
    await jwtRole(lab.bao, { name: 'batch', policies: ['app'], ttl: '4s', more: { token_type: 'batch' } });
    const users = await scene.live('batched', { roleName: 'batch' }, 6 * second);
    assert.ok(users >= 2, `${users}`);
    assert.equal(scene.proxy.count(/renew-self/), 0);
    lab.kube.podFeed.remove(scene.pod);
    await until(() => /batch tokens cannot be revoked/.test(JSON.stringify(scene.told('revocation-failed'))));
    // they end by themselves
    await lab.untilRoles(0, 10 * second, 'batched');
  });

  scene(
    'of a role that has no default policy are replaced before its end, and the log says what the role needs',
    async (scene) => {
      const more = { token_no_default_policy: true };
      await jwtRole(lab.bao, { name: 'bare', policies: ['app'], ttl: '5s', more });
      const users = await scene.live('long', { roleName: 'bare' }, 7 * second);
      assert.ok(users >= 2, `${users}`);
      assert.deepEqual(scene.told('lost'), []);
      const told = JSON.stringify(scene.told('renewal-failed'));
      assert.match(told, /role \\\\?"bare\\\\?" needs: path \\\\?"auth\/token\/renew-self/);
      lab.kube.podFeed.remove(scene.pod);
      await until(() => /ending a token was refused/.test(JSON.stringify(scene.told('revocation-failed'))));
      assert.deepEqual(scene.told('revoked'), []);
    },
  );

  scene('are made anew, with a new login, after OpenBao forgot the token', async (scene) => {
    await jwtRole(lab.bao, { name: 'app4', policies: ['app'], ttl: '4s', more: { token_max_ttl: '1h' } });
    const parameters = { roleName: 'app4' };
    const first = await scene.mount('long', parameters);
    const { body } = await lab.bao.request('LIST', 'auth/token/accessors');
    for (const accessor of (body as { data: { keys: string[] } }).data.keys) {
      const info = await lab.bao.write('auth/token/lookup-accessor', { accessor });
      if ((info['data'] as { meta?: { role?: string } }).meta?.role === 'app4') {
        await lab.bao.write('auth/token/revoke-accessor', { accessor });
      }
    }
    await until(() => scene.told('lost').length > 0);
    const next = await scene.mount('long', parameters);
    assert.notDeepEqual(next, first);
    assert.ok(await works(next));
    assert.deepEqual(asked(scene), [2, 2]);
  });

  scene('are made anew after OpenBao lost the lease alone', async (scene) => {
    const first = await scene.mount('lost');
    await lab.bao.write('sys/leases/revoke-prefix/database/creds/lost');
    await until(async () => {
      const next = await scene.mount('lost');
      return next.files['user'] !== first.files['user'] && (await works(next));
    });
    assert.deepEqual(asked(scene), [1, 2]);
  });

  scene('whose renewal has no answer are renewed when there is one', async (scene) => {
    await lab.dbRole('patient', 60, 600);
    const { proxy, pod } = scene;
    const eager = await lab.keymount({ address: proxy.address, env: { KEYMOUNT_RENEWAL_PERCENT: '10' } });
    const first = await lab.mount(eager, pod, dbObjects('patient'));
    proxy.faults({ match: /leases\/renew/, hang: true });
    await until(() => proxy.count(/leases\/renew/) >= 1, 15 * second);
    proxy.faults();
    await until(async () => (await counted(eager, 'renewed')) >= 1, 20 * second);
    assert.deepEqual(await lab.mount(eager, pod, dbObjects('patient')), first);
    assert.equal(await counted(eager, 'lost'), 0);
    lab.kube.podFeed.remove(pod);
    await lab.untilRoles(0, 5 * second, 'patient');
    await eager.stop();
  });

  scene('of a node that died are ended by OpenBao itself: the role keeps token_ttl short', async ({ proxy, pod }) => {
    await lab.dbRole('deadnode', 600, 3_600);
    await jwtRole(lab.bao, { name: 'dead-node', policies: ['app'], ttl: '3s', more: { token_max_ttl: '1h' } });
    const other = await lab.keymount({ address: proxy.address });
    await lab.mount(other, pod, dbObjects('deadnode'), { roleName: 'dead-node' });
    await pause(4 * second);
    assert.equal((await lab.roles('deadnode')).length, 1, 'renewed beyond its token_ttl while the node lives');
    other.child.signal('SIGKILL');
    await other.child.ended;
    await lab.untilRoles(0, 8 * second, 'deadnode');
  });
});

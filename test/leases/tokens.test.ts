import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import type { Keymount } from '../e2e/keymount.ts';
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

describe('credentials through tokens of all kinds', { skip }, () => {
  let lab: LeaseLab;
  let proxy: LabProxy;
  let keymount: Keymount;
  let pod: Pod;
  before(async () => {
    lab = await startLeaseLab({ durable: true });
    proxy = await startProxy(lab.bao.address);
    keymount = await lab.keymount({ address: proxy.address });
    await lab.dbRole('long', 600, 3_600);
    await lab.dbRole('short', 4, 60);
    await lab.dbRole('capped', 4, 6);
  });
  after(async () => {
    await proxy.close();
    await lab.stop();
  });
  beforeEach(() => {
    proxy.reset();
    pod = lab.pod();
  });
  afterEach(async () => {
    lab.kube.podFeed.remove(pod);
    await lab.bao.write('sys/leases/revoke-prefix/database/creds').catch(() => {});
    await lab.untilRoles(0, 10 * second);
  });
  const logins = () => proxy.count(/\/login$/);
  const issues = () => proxy.count(/database\/creds/);
  const works = ({ files }: Mounted) => lab.postgres.canLogIn(files['user'] ?? '', files['password'] ?? '');

  /** Mounts every 0.4 s; what the file holds must log in to PostgreSQL at every moment. How many credentials there were. */
  async function live(role: string, parameters: Record<string, string>, milliseconds: number): Promise<number> {
    const users = new Set<string>();
    const end = performance.now() + milliseconds;
    while (performance.now() < end) {
      const answer = await lab.mount(keymount, pod, dbObjects(role), parameters);
      users.add(answer.files['user'] ?? '');
      for (const wait of [200, 150]) {
        assert.ok(await works(answer), `${answer.files['user']} does not log in`);
        await pause(wait);
      }
    }
    return users.size;
  }

  it('are renewed, and replaced when a renewal is cut short, and always log in', async () => {
    assert.equal(await live('short', {}, 6 * second), 1);
    assert.ok(proxy.count(/leases\/renew/) >= 1);
  });

  it('are replaced before a maximum that a renewal told of, and always log in', async () => {
    const users = await live('capped', {}, 8 * second);
    assert.ok(users >= 2 && users <= 5, `${users}`);
    assert.equal(logins(), 1);
  });

  it('are replaced with the token before that reaches its maximum, and always log in', async () => {
    await jwtRole(lab.bao, { name: 'maximum', policies: ['app'], ttl: '4s', more: { token_max_ttl: '6s' } });
    const users = await live('long', { roleName: 'maximum' }, 9 * second);
    assert.ok(users >= 2 && users <= 6, `${users}`);
  });

  it('last for ever with a periodic token', async () => {
    await jwtRole(lab.bao, { name: 'periodic', policies: ['app'], more: { token_period: '3s' } });
    assert.equal(await live('long', { roleName: 'periodic' }, 7 * second), 1);
    assert.equal(logins(), 1);
    assert.ok(proxy.count(/renew-self/) >= 2);
  });

  it('of a batch token are replaced before its end, and what cannot be revoked is counted', async () => {
    await jwtRole(lab.bao, { name: 'batch', policies: ['app'], ttl: '4s', more: { token_type: 'batch' } });
    const users = await live('long', { roleName: 'batch' }, 6 * second);
    assert.ok(users >= 2, `${users}`);
    assert.equal(proxy.count(/renew-self/), 0);
    lab.kube.podFeed.remove(pod);
    await until(async () => (await counted(keymount, 'revocation-failed')) >= 1);
    assert.match(
      JSON.stringify(keymount.log().filter(({ event }) => event === 'lease-revocation-failed')),
      /batch tokens cannot be revoked/,
    );
    // they end by themselves, and then nothing is remembered of them
    await lab.untilRoles(0, 8 * second);
    pod = lab.pod();
  });

  it('of a role that has no default policy are replaced before its end, and the log says what the role needs', async () => {
    const more = { token_no_default_policy: true };
    await jwtRole(lab.bao, { name: 'bare', policies: ['app'], ttl: '5s', more });
    const lost = await counted(keymount, 'lost');
    const users = await live('long', { roleName: 'bare' }, 7 * second);
    assert.ok(users >= 2, `${users}`);
    assert.equal(await counted(keymount, 'lost'), lost);
    const told = JSON.stringify(keymount.log().filter(({ event }) => event === 'lease-renewal-failed'));
    assert.match(told, /role \\\\?"bare\\\\?" needs: path \\\\?"auth\/token\/renew-self/);
    const revoked = await counted(keymount, 'revoked');
    lab.kube.podFeed.remove(pod);
    await until(() => /ending a token was refused/.test(JSON.stringify(keymount.log())));
    assert.equal(await counted(keymount, 'revoked'), revoked);
    pod = lab.pod();
  });

  it('of a token with few uses are lost to the first renewal, and made anew at the next Mount', async () => {
    await jwtRole(lab.bao, { name: 'few', policies: ['app'], ttl: '4s', more: { token_num_uses: 2 } });
    const first = await lab.mount(keymount, pod, dbObjects('long'), { roleName: 'few' });
    await until(async () => !(await works(first)), 6 * second);
    await until(async () => await works(await lab.mount(keymount, pod, dbObjects('long'), { roleName: 'few' })));
  });

  it('are made anew, with a new login, after OpenBao forgot the token', async () => {
    await jwtRole(lab.bao, { name: 'app4', policies: ['app'], ttl: '4s', more: { token_max_ttl: '1h' } });
    const parameters = { roleName: 'app4' };
    const first = await lab.mount(keymount, pod, dbObjects('long'), parameters);
    const { body } = await lab.bao.request('LIST', 'auth/token/accessors');
    for (const accessor of (body as { data: { keys: string[] } }).data.keys) {
      const info = await lab.bao.write('auth/token/lookup-accessor', { accessor });
      if ((info['data'] as { meta?: { role?: string } }).meta?.role === 'app4') {
        await lab.bao.write('auth/token/revoke-accessor', { accessor });
      }
    }
    const lost = await counted(keymount, 'lost');
    await until(async () => (await counted(keymount, 'lost')) > lost, 5 * second);
    const next = await lab.mount(keymount, pod, dbObjects('long'), parameters);
    assert.notDeepEqual(next, first);
    assert.ok(await works(next));
    assert.deepEqual([logins(), issues()], [2, 2]);
  });

  it('are made anew after OpenBao lost the lease alone', async () => {
    const first = await lab.mount(keymount, pod, dbObjects('short'));
    await lab.bao.write('sys/leases/revoke-prefix/database/creds/short');
    await until(async () => {
      const next = await lab.mount(keymount, pod, dbObjects('short'));
      return next.files['user'] !== first.files['user'] && (await works(next));
    });
    assert.deepEqual([logins(), issues()], [1, 2]);
  });

  it('go on while OpenBao is sealed, does not answer or is slow, as long as it comes back before their end', async () => {
    const first = await lab.mount(keymount, pod, dbObjects('short'));
    await lab.bao.seal();
    await pause(3_200);
    assert.deepEqual(await lab.mount(keymount, pod, dbObjects('short')), first);
    await lab.bao.unseal();
    await pause(2_000);
    proxy.faults({ delay: 700 });
    await pause(4_000);
    proxy.faults();
    assert.deepEqual(await lab.mount(keymount, pod, dbObjects('short')), first);
    assert.ok(await works(first));
    assert.deepEqual([logins(), issues()], [1, 1]);
  });

  it('go on when OpenBao starts again', async () => {
    await lab.dbRole('restart', 12, 120);
    const first = await lab.mount(keymount, pod, dbObjects('restart'));
    await lab.bao.stop();
    assert.deepEqual(await lab.mount(keymount, pod, dbObjects('restart')), first);
    await lab.bao.start();
    await until(() => proxy.count(/leases\/renew/) >= 1, 15 * second);
    await pause(1_000);
    assert.deepEqual(await lab.mount(keymount, pod, dbObjects('restart')), first);
    assert.ok(await works(first));
  });

  it('of a node that died are ended by OpenBao itself: the role keeps token_ttl short, and nobody renews any more', async () => {
    await jwtRole(lab.bao, { name: 'dead-node', policies: ['app'], ttl: '3s', more: { token_max_ttl: '1h' } });
    const other = await lab.keymount({ address: proxy.address });
    await lab.mount(other, pod, dbObjects('long'), { roleName: 'dead-node' });
    await pause(4_500);
    assert.equal((await lab.postgres.liveRoles()).length, 1, 'renewed beyond its token_ttl while the node lives');
    other.child.signal('SIGKILL');
    await other.child.ended;
    await lab.untilRoles(0, 6 * second);
  });
});

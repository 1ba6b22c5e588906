import assert from 'node:assert/strict';
import { chmodSync, existsSync, statSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { adminPath } from '../../provider/rpc/admin.ts';
import { canaries, type Keymount, runKeymount } from '../e2e/keymount.ts';
import { requestOf } from '../e2e/requests.ts';
import { startChild } from '../lab/child-process.ts';
import { texts } from '../lab/grpc-client.ts';
import { aPod } from '../lab/pod.ts';
import { scratchFolder } from '../lab/scratch.ts';
import { requires } from '../lab/tools.ts';
import { kubernetesClass, password, type SharingLab, startSharingLab } from './lab.ts';

describe('keymount status', requires('bao', 'fakekube'), () => {
  const value = canaries.plant('the password');
  let lab: SharingLab;
  let keymount: Keymount;
  before(async () => {
    lab = await startSharingLab();
    await lab.bao.putKv2('shop/db', { password: value });
    keymount = await lab.keymount();
  });
  after(async () => {
    await keymount.stop();
    await lab.stop();
  });
  const mountAs = (serviceAccount: string, parameters: Record<string, string> = {}) =>
    keymount.mount(
      'vault',
      requestOf(lab.issuer, {
        pod: aPod({ serviceAccount }),
        parameters: kubernetesClass([password('db')], parameters),
      }),
    );
  const status = (...args: string[]) =>
    runKeymount('sources', ['status', '--socket-dir', keymount.socketFolder, ...args]);
  async function statusJson() {
    const { code, output } = await status('--json');
    assert.equal(code, 0, output);
    return JSON.parse(output) as Record<string, Record<string, unknown>>;
  }

  it('counts nothing before the first Mount', async () => {
    const { mounts, sessions, secrets, reads, servers } = await statusJson();
    assert.deepEqual(mounts, { answered: 0, failed: 0, inFlight: 0 });
    assert.deepEqual(sessions, { account: 0, pod: 0 });
    assert.deepEqual(secrets, { count: 0, bytes: 0, ages: { '<1m': 0, '<10m': 0, '<1h': 0, older: 0 } });
    assert.deepEqual([reads, servers], [{ backend: 0, cache: 0, stale: 0 }, []]);
    const { code, output } = await status();
    assert.equal(code, 0);
    assert.match(output, /no server was asked yet/);
  });

  it('counts Mounts, sessions, secrets and reads rightly, and says nothing else', async () => {
    // 3 replicas share one session and one read; 2 pods at auth/jwt have each their own; 1 is refused.
    for (let pod = 0; pod < 3; pod++) assert.deepEqual(texts(await mountAs('web')), { password: value });
    for (let pod = 0; pod < 2; pod++) await mountAs('web', { vaultAuthMountPath: 'jwt' });
    assert.ok('code' in (await mountAs('other', { roleName: 'web' })));
    const all = await statusJson();
    assert.deepEqual(all['mounts'], { answered: 5, failed: 1, inFlight: 0 });
    assert.deepEqual(all['sessions'], { account: 1, pod: 2 });
    const { count, bytes, ages } = all['secrets'] as { count: number; bytes: number; ages: object };
    assert.equal(count, 3);
    assert.ok(bytes > 3 * 30 && bytes < 10_000, `${bytes}`);
    assert.deepEqual(ages, { '<1m': 3, '<10m': 0, '<1h': 0, older: 0 });
    const read = all['reads'] as unknown as Record<string, number>;
    assert.deepEqual([read['cache'], read['stale']], [2, 0]);
    const [server] = all['servers'] as unknown as Record<string, unknown>[];
    assert.deepEqual(server, { address: lab.proxy.address, open: false, failures: 0, inFlight: 0, waiting: 0 });

    const { output } = await status();
    assert.match(output, /^mounts +5 answered, 1 failed, 0 in flight$/m);
    assert.match(output, /^sessions +1 of ServiceAccounts, 2 of single pods$/m);
    assert.match(output, /^http:\/\/127\.0\.0\.1:\d+ +answers +0 +0$/m);
    for (const text of [output, JSON.stringify(all)]) {
      for (const name of ['shop', 'secret/', 'web', 'password', value]) assert.ok(!text.includes(name), text);
    }
  });

  it('says which server is away', async () => {
    lab.proxy.faults({ status: 503 });
    for (let pod = 0; pod < 3; pod++) await mountAs(`away-${pod}`);
    const { output } = await status();
    assert.match(output, /^http:\/\/127\.0\.0\.1:\d+ +away \(\d+ failures in a row\) +0 +0$/m);
    lab.proxy.faults();
  });

  it('is answered to root and to the user of keymount alone', async () => {
    const socket = adminPath(keymount.socketFolder);
    assert.equal(statSync(socket).mode & 0o777, 0o600);
    if (process.getuid?.() !== 0) return void chmodSync(socket, 0);
    chmodSync(keymount.socketFolder, 0o755);
    const program = fileURLToPath(new URL('../../provider/main.ts', import.meta.url));
    const run = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, program];
    const child = await startChild('setpriv', [...run, 'status', '--socket-dir', keymount.socketFolder]);
    assert.equal(await child.ended, 1);
    assert.match(child.output(), /no keymount answers on .*admin\.sock: EACCES.*as the user of keymount or as root/);
  });

  it('says that nobody answers where keymount was killed, and is answered by the next one', async () => {
    const first = await lab.keymount();
    const { stateFolder, socketFolder } = first;
    first.child.signal('SIGKILL');
    await first.child.ended;
    assert.ok(existsSync(adminPath(socketFolder)));
    const killed = await runKeymount('sources', ['status', '--socket-dir', socketFolder]);
    assert.equal(killed.code, 1);
    assert.match(killed.output, /no keymount answers on .*admin\.sock: ECONNREFUSED/);
    const next = await lab.keymount([], { stateFolder, socketFolder });
    assert.equal((await runKeymount('sources', ['status', '--socket-dir', socketFolder])).code, 0);
    await next.stop();
    assert.ok(!existsSync(adminPath(socketFolder)));
    const none = await runKeymount('sources', ['status', '--socket-dir', scratchFolder('none')]);
    assert.equal(none.code, 1);
    assert.match(none.output, /ENOENT/);
  });
});

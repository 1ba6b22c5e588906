import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { Keymount } from '../e2e/keymount.ts';
import { until } from '../e2e/until.ts';
import { requiresPostgres } from '../lab/postgres.ts';
import { type LabProxy, startProxy } from '../lab/proxy.ts';
import { requires } from '../lab/tools.ts';
import { counted, dbObjects, type LeaseLab, type Mounted, startLeaseLab } from './lab.ts';

const skip = requires('bao').skip || requiresPostgres().skip;
const objects = dbObjects('middling');

describe('credentials whose OpenBao', { skip }, () => {
  let lab: LeaseLab;
  let proxy: LabProxy;
  let keymount: Keymount;
  before(async () => {
    lab = await startLeaseLab({ durable: true });
    proxy = await startProxy(lab.bao.address);
    keymount = await lab.keymount({ address: proxy.address });
    await lab.dbRole('middling', 10, 120);
  });
  after(async () => {
    await proxy.close();
    await lab.stop();
  });
  beforeEach(() => proxy.reset());
  const works = ({ files }: Mounted) => lab.postgres.canLogIn(files['user'] ?? '', files['password'] ?? '');
  const asked = () => [proxy.count(/\/login$/), proxy.count(/database\/creds/)];

  it('is sealed and slow go on, as long as it comes back before their end', async () => {
    const pod = lab.pod();
    const first = await lab.mount(keymount, pod, objects);
    proxy.reset();
    proxy.faults({ delay: 300 });
    await lab.bao.seal();
    await until(() => proxy.count(/leases\/renew/) >= 1, 12_000);
    assert.deepEqual(await lab.mount(keymount, pod, objects), first);
    const renewed = await counted(keymount, 'renewed');
    await lab.bao.unseal();
    await until(async () => (await counted(keymount, 'renewed')) > renewed);
    assert.deepEqual(await lab.mount(keymount, pod, objects), first);
    assert.ok(await works(first));
    assert.deepEqual(asked(), [0, 0]);
  });

  it('starts again go on', async () => {
    const pod = lab.pod();
    const first = await lab.mount(keymount, pod, objects);
    const renewed = await counted(keymount, 'renewed');
    await lab.bao.stop();
    assert.deepEqual(await lab.mount(keymount, pod, objects), first);
    await lab.bao.start();
    await until(async () => (await counted(keymount, 'renewed')) > renewed, 15_000);
    assert.deepEqual(await lab.mount(keymount, pod, objects), first);
    assert.ok(await works(first));
  });
});

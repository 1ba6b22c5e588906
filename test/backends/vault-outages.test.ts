import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { vaultBackend } from '../../provider/backends/vault/index.ts';
import { requires } from '../lab/tools.ts';
import { contractDeps, sourceOf } from './contract.ts';
import { loginAs, signal, startVaultLab, type VaultLab } from './vault-lab.ts';

describe('a real OpenBao that is slow, ill or away', requires('bao'), () => {
  let lab: VaultLab;

  before(async () => {
    lab = await startVaultLab({ durable: true });
  });
  after(() => lab.close());

  it('bounds the reads in flight, and shares connections among sessions', async () => {
    const settings = vaultBackend.connectionSchema.parse({
      address: lab.proxy.address,
      auth: { method: 'jwt' },
      maxConcurrent: 4,
    });
    const sessions = await Promise.all(
      [1, 2, 3].map(() => vaultBackend.connect(settings, loginAs('web'), contractDeps, signal)),
    );
    lab.proxy.faults({ match: /data/, delay: 20 });
    lab.proxy.reset();
    const ref = vaultBackend.parseRef(sourceOf('/v1/secret/data/app'));
    await Promise.all(sessions.flatMap((session) => session.read(Array(8).fill(ref), signal)));
    lab.proxy.faults();
    assert.deepEqual([lab.proxy.count(), lab.proxy.highWater()], [24, 4]);
    assert.ok(lab.proxy.connections() <= 4, String(lab.proxy.connections()));
  });

  it('tries again after errors of the server and cut answers', async () => {
    const session = await lab.connect(loginAs('web'));
    for (const fault of [{ status: 500 }, { status: 429 }, { status: 412 }, { cutAfter: 20 }]) {
      lab.proxy.faults({ match: /data/, times: 2, ...fault });
      lab.proxy.reset();
      assert.equal((await lab.value(session, '/v1/secret/data/app')).keys?.['k'], 'v2', JSON.stringify(fault));
      assert.equal(lab.proxy.count(), 3);
    }
    lab.proxy.faults({ match: /data/, status: 500 });
    assert.match(
      await lab.failing(session, '/v1/secret/data/app'),
      /500 the proxy of the test answered.*\[backend-unreachable\]/,
    );
    lab.proxy.faults({ match: /data/, status: 429 });
    assert.match(await lab.failing(session, '/v1/secret/data/app'), /\[backend-throttled\]/);
    lab.proxy.faults();
  });

  it('waits for a slow server no longer than its timeout', async () => {
    const session = await lab.connect(loginAs('web'), { timeout: '1s' });
    lab.proxy.faults({ match: /data/, delay: 200 });
    assert.equal((await lab.value(session, '/v1/secret/data/app')).keys?.['k'], 'v2');
    lab.proxy.faults({ match: /data/, hang: true });
    const started = performance.now();
    assert.match(
      await lab.failing(session, '/v1/secret/data/app'),
      /no whole answer from .* within 1 s \[backend-unreachable\]/,
    );
    assert.ok(performance.now() - started < 3000);
    lab.proxy.faults();
  });

  it('reads from one engine while another one hangs, however many wait for that', async () => {
    const session = await lab.connect(loginAs('web'), { maxConcurrent: 8, timeout: '5s' });
    lab.proxy.faults({ match: /database/, hang: true });
    const stuck = Promise.allSettled(
      session.read(Array(20).fill(vaultBackend.parseRef(sourceOf('/v1/database/creds/app'))), signal),
    );
    const started = performance.now();
    for (let i = 0; i < 3; i++) assert.equal((await lab.value(session, '/v1/secret/data/app')).keys?.['k'], 'v2');
    assert.ok(performance.now() - started < 2_000, `${performance.now() - started} ms`);
    lab.proxy.faults();
    await stuck;
  });

  it('says that the server is sealed, and that it is not there', async () => {
    const session = await lab.connect(loginAs('web'));
    await lab.bao.seal();
    assert.match(
      await lab.failing(session, '/v1/secret/data/app'),
      /is sealed, reading secret\/data\/app.*503 Vault is sealed.*\[backend-sealed\]/,
    );
    assert.match(await lab.refused(loginAs('web')), /is sealed, logging in at auth\/jwt.*\[backend-sealed\]/);
    await lab.bao.unseal();
    assert.equal((await lab.value(session, '/v1/secret/data/app')).keys?.['k'], 'v2');
    const direct = await lab.connect(loginAs('web'), { address: lab.bao.address });
    await lab.bao.stop();
    const started = performance.now();
    assert.match(
      await lab.failing(direct, '/v1/secret/data/app'),
      /^cannot reach http:\/\/127\.0\.0\.1:\d+: connection refused by 127\.0\.0\.1:\d+ \[backend-unreachable\]$/,
    );
    assert.ok(performance.now() - started < 2000);
    await lab.bao.start();
    assert.equal((await lab.value(direct, '/v1/secret/data/app')).keys?.['k'], 'v2');
  });
});

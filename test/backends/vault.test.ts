import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { vaultBackend } from '../../provider/backends/vault/index.ts';
import { formatError } from '../../provider/errors.ts';
import { systemClock } from '../../provider/util/clock.ts';
import { parseJson } from '../../provider/util/json.ts';
import { jwtRole } from '../lab/openbao-auth.ts';
import { requires } from '../lab/tools.ts';
import { backendContract, errorOf, exactNumbers, type Harness, sourceOf } from './contract.ts';
import { loginAs, signal, startPreparedOpenBao, startVaultLab, type VaultLab } from './vault-lab.ts';

async function harness(mount: string, path: string, prefix: string): Promise<Harness> {
  const bao = await startPreparedOpenBao();
  return {
    backend: vaultBackend as Harness['backend'],
    settings: { address: bao.address, auth: { method: 'jwt' } },
    login: loginAs('web'),
    address: (name) => `${prefix}${name}`,
    put: async (name, json) => {
      const data = parseJson(json) as object;
      if (mount === 'kv1') await bao.write(`kv1/${name}`, data);
      else await bao.putKv2(name, data);
    },
    // OpenBao keeps numbers of KV version 2 as floating point.
    numbers: mount === 'kv1' ? exactNumbers : '{"f":1.5,"n":9007199254740991}',
    remove: (name) => bao.delete(`${path}${name}`),
    close: () => bao.stop(),
  };
}

backendContract('vault, KV version 2 by CLI path', () => harness('secret', 'secret/data/', 'secret/'), requires('bao'));
backendContract(
  'vault, KV version 2 by API path',
  () => harness('secret', 'secret/data/', '/v1/secret/data/'),
  requires('bao'),
);
backendContract('vault, KV version 1', () => harness('kv1', 'kv1/', 'kv1/'), requires('bao'));

describe('reads of a real OpenBao', requires('bao'), () => {
  let lab: VaultLab;

  before(async () => {
    lab = await startVaultLab();
  });
  after(() => lab.close());

  it('reads a pinned version of KV version 2, by CLI path and by API path', async () => {
    const session = await lab.connect(loginAs('web'));
    assert.equal((await lab.value(session, 'secret/app', { version: '1' })).keys?.['k'], 'v1');
    assert.equal((await lab.value(session, '/v1/secret/data/app?version=1')).keys?.['k'], 'v1');
    const latest = await lab.value(session, 'secret/app');
    assert.deepEqual([latest.keys?.['k'], latest.version], ['v2', '2']);
  });

  it('gives the other keys of a KV version 1 secret that has an object called data', async () => {
    const session = await lab.connect(loginAs('web'));
    assert.deepEqual(Object.keys((await lab.value(session, '/v1/kv1/app')).keys ?? {}).sort(), ['data', 'k', 'x']);
    assert.deepEqual(Object.keys((await lab.value(session, 'kv1/app')).keys ?? {}).sort(), ['data', 'k']);
  });

  it('asks once for what a mount is, and not at all for API paths', async () => {
    const session = await lab.connect(loginAs('web'));
    lab.proxy.reset();
    const refs = ['secret/app', 'secret/app', 'kv1/app', '/v1/secret/data/app'].map((address) =>
      vaultBackend.parseRef(sourceOf(address)),
    );
    await Promise.all(session.read(refs, signal));
    await Promise.all(session.read(refs, signal));
    assert.equal(lab.proxy.count(/internal\/ui\/mounts/), 2);
  });

  it('says what a KV path lacks, at the price of one more request', async () => {
    const session = await lab.connect(loginAs('web'));
    lab.proxy.reset();
    assert.match(
      await lab.failing(session, '/v1/secret/nothing'),
      /did you mean secret\/data\/nothing\?.*\[secret-missing\]/,
    );
    assert.equal(lab.proxy.count(), 2);
    assert.match(await lab.failing(session, '/v1/kv1/data/app'), /did you mean kv1\/app\?/);
    assert.match(await lab.failing(session, 'secret/data/app'), /did you mean secret\/app\?/);
  });

  it('knows mounts whose path has several parts', async () => {
    await lab.bao.mount('team/kv', 'kv', { version: '2' });
    await lab.bao.policy('team', 'path "team/*" { capabilities = ["read"] }');
    await jwtRole(lab.bao, { name: 'team', policies: ['team'] });
    // A new mount of version 2 answers 400 for a moment, while it is made ready.
    while ((await lab.bao.request('GET', 'team/kv/config')).status !== 200) await systemClock.sleep(20);
    await lab.bao.putKv2('app', { k: 'v' }, 'team/kv');
    const session = await lab.connect(loginAs('team'));
    assert.equal((await lab.value(session, 'team/kv/app')).keys?.['k'], 'v');
    assert.match(await lab.failing(session, '/v1/team/kv/app'), /did you mean team\/kv\/data\/app\?/);
  });

  it('names the policy line that a role lacks', async () => {
    const session = await lab.connect(loginAs('narrow'));
    const error = errorOf(await lab.read(session, '/v1/secret/data/other'));
    assert.ok(session.isAuthorityLost(error));
    assert.equal(
      formatError(error),
      'reading secret/data/other as role "narrow" was refused: 403 permission denied; a policy of role "narrow" needs: path "secret/data/other" { capabilities = ["read"] } [secret-denied]',
    );
  });

  it('tells deleted and destroyed versions from secrets that never were', async () => {
    const session = await lab.connect(loginAs('web'));
    await lab.bao.putKv2('gone', { k: 'v' });
    await lab.bao.delete('secret/data/gone');
    assert.match(
      await lab.failing(session, '/v1/secret/data/gone'),
      /version 1 of secret\/data\/gone was deleted.*\[secret-deleted\]/,
    );
    await lab.bao.write('secret/destroy/gone', { versions: [1] });
    assert.match(
      await lab.failing(session, 'secret/gone'),
      /version 1 of secret\/data\/gone was destroyed.*\[secret-deleted\]/,
    );
    assert.match(
      await lab.failing(session, 'secret/never'),
      /there is nothing at secret\/data\/never.*\[secret-missing\]/,
    );
  });

  it('gives the bytes of what is no JSON', async () => {
    await lab.bao.mount('pki', 'pki');
    await lab.bao.write('pki/root/generate/internal', { common_name: 'test root' });
    const secret = await lab.value(await lab.connect(loginAs('web')), '/v1/pki/ca/pem');
    assert.match(Buffer.from(secret.bytes ?? []).toString(), /^-----BEGIN CERTIFICATE-----/);
    assert.equal(secret.keys, undefined);
  });

  it('lists what is below a path', async () => {
    const session = await lab.connect(loginAs('web'), { address: lab.bao.address });
    await lab.bao.policy('list', 'path "kv1/*" { capabilities = ["list"] }');
    await jwtRole(lab.bao, { name: 'lister', policies: ['list'] });
    const lister = await lab.connect(loginAs('lister'), { address: lab.bao.address });
    const request = { method: 'LIST' };
    assert.deepEqual((await lab.value(lister, '/v1/kv1', { request })).keys?.['keys'], ['app']);
    assert.match(
      await lab.failing(session, '/v1/kv1', { request }),
      /listing kv1 as role "web" was refused.*capabilities = \["list"\]/,
    );
  });
});

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Session as AnySession, Login } from '../../provider/backends/backend.ts';
import { vaultBackend } from '../../provider/backends/vault/index.ts';
import type { VaultRef } from '../../provider/backends/vault/ref.ts';
import { formatError, KeymountError } from '../../provider/errors.ts';
import type { Source } from '../../provider/plan/plan.ts';
import { systemClock } from '../../provider/util/clock.ts';
import { parseJson } from '../../provider/util/json.ts';
import { SecretString } from '../../provider/util/secret-string.ts';
import { type OpenBao, startOpenBao } from '../lab/openbao.ts';
import { enableJwtAuth, jwtRole } from '../lab/openbao-auth.ts';
import { aPod } from '../lab/pod.ts';
import { createTokenIssuer, type TokenOptions } from '../lab/pod-token.ts';
import { type LabProxy, startProxy } from '../lab/proxy.ts';
import { requires } from '../lab/tools.ts';
import { backendContract, contractDeps, errorOf, exactNumbers, type Harness, sourceOf } from './contract.ts';

type Session = AnySession<VaultRef>;

const issuer = createTokenIssuer();
const pod = aPod({ name: 'web-1' });
const signal = new AbortController().signal;

function loginAs(role: string | undefined, audience = 'vault', options: TokenOptions = {}): Login {
  const { namespace, serviceAccount, name, uid } = pod;
  return {
    identity: { namespace, serviceAccount, serviceAccountUid: undefined, pod: name, podUid: uid, proven: false },
    role,
    audience: undefined,
    token: async () => new SecretString(issuer.mint(pod, audience, options).token),
    publishSecrets: new Map(),
  };
}

async function prepared(options = {}): Promise<OpenBao> {
  const bao = await startOpenBao(options);
  await enableJwtAuth(bao, issuer);
  await bao.mount('kv1', 'kv', { version: '1' });
  await bao.policy('all', 'path "secret/*" { capabilities = ["read"] }\npath "kv1/*" { capabilities = ["read"] }');
  await jwtRole(bao, { name: 'web', policies: ['all'] });
  return bao;
}

async function harness(mount: string, path: string, prefix: string): Promise<Harness> {
  const bao = await prepared();
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

describe('vault on a real OpenBao', requires('bao'), () => {
  let bao: OpenBao;
  let proxy: LabProxy;

  before(async () => {
    bao = await prepared({ durable: true });
    proxy = await startProxy(bao.address);
    await bao.policy('app', 'path "secret/data/app" { capabilities = ["read"] }');
    await jwtRole(bao, { name: 'narrow', policies: ['app'] });
    await jwtRole(bao, { name: 'short', policies: ['app'], ttl: '1s' });
    await bao.putKv2('app', { k: 'v1' });
    await bao.putKv2('app', { k: 'v2' });
    await bao.write('kv1/app', { k: 'v', data: { x: 'y' } });
  });
  after(async () => {
    await proxy.close();
    await bao.stop();
  });

  const connect = (login: Login, more: Record<string, unknown> = {}): Promise<Session> =>
    vaultBackend.connect(
      vaultBackend.connectionSchema.parse({ address: proxy.address, auth: { method: 'jwt' }, ...more }),
      login,
      contractDeps,
      signal,
    );
  const readOne = async (session: Session, address: string, more: Partial<Source> = {}) =>
    (await Promise.allSettled(session.read([vaultBackend.parseRef(sourceOf(address, more))], signal)))[0];
  const failing = async (session: Session, address: string, more: Partial<Source> = {}) =>
    formatError(errorOf(await readOne(session, address, more)));
  const refused = async (login: Login, more: Record<string, unknown> = {}) => {
    const [result] = await Promise.allSettled([connect(login, more)]);
    assert.ok(result?.status === 'rejected' && result.reason instanceof KeymountError);
    return formatError(result.reason);
  };
  const value = async (session: Session, address: string, more: Partial<Source> = {}) => {
    const result = await readOne(session, address, more);
    if (result?.status === 'fulfilled') return result.value;
    throw result?.reason;
  };

  it('reads a pinned version of KV version 2, by CLI path and by API path', async () => {
    const session = await connect(loginAs('web'));
    assert.equal((await value(session, 'secret/app', { version: '1' })).keys?.['k'], 'v1');
    assert.equal((await value(session, '/v1/secret/data/app?version=1')).keys?.['k'], 'v1');
    const latest = await value(session, 'secret/app');
    assert.deepEqual([latest.keys?.['k'], latest.version], ['v2', '2']);
  });

  it('gives the other keys of a KV version 1 secret that has an object called data', async () => {
    const session = await connect(loginAs('web'));
    assert.deepEqual(Object.keys((await value(session, '/v1/kv1/app')).keys ?? {}).sort(), ['data', 'k', 'x']);
    assert.deepEqual(Object.keys((await value(session, 'kv1/app')).keys ?? {}).sort(), ['data', 'k']);
  });

  it('asks once for what a mount is, and not at all for API paths', async () => {
    const session = await connect(loginAs('web'));
    proxy.reset();
    const refs = ['secret/app', 'secret/app', 'kv1/app', '/v1/secret/data/app'].map((address) =>
      vaultBackend.parseRef(sourceOf(address)),
    );
    await Promise.all(session.read(refs, signal));
    await Promise.all(session.read(refs, signal));
    assert.equal(proxy.count(/internal\/ui\/mounts/), 2);
  });

  it('says what a KV path lacks, at the price of one more request', async () => {
    const session = await connect(loginAs('web'));
    proxy.reset();
    assert.match(
      await failing(session, '/v1/secret/nothing'),
      /did you mean secret\/data\/nothing\?.*\[secret-missing\]/,
    );
    assert.equal(proxy.count(), 2);
    assert.match(await failing(session, '/v1/kv1/data/app'), /did you mean kv1\/app\?/);
    assert.match(await failing(session, 'secret/data/app'), /did you mean secret\/app\?/);
  });

  it('knows mounts whose path has several parts', async () => {
    await bao.mount('team/kv', 'kv', { version: '2' });
    await bao.policy('team', 'path "team/*" { capabilities = ["read"] }');
    await jwtRole(bao, { name: 'team', policies: ['team'] });
    // A new mount of version 2 answers 400 for a moment, while it is made ready.
    while ((await bao.request('GET', 'team/kv/config')).status !== 200) await systemClock.sleep(20);
    await bao.putKv2('app', { k: 'v' }, 'team/kv');
    const session = await connect(loginAs('team'));
    assert.equal((await value(session, 'team/kv/app')).keys?.['k'], 'v');
    assert.match(await failing(session, '/v1/team/kv/app'), /did you mean team\/kv\/data\/app\?/);
  });

  it('names the policy line that a role lacks', async () => {
    const session = await connect(loginAs('narrow'));
    const error = errorOf(await readOne(session, '/v1/secret/data/other'));
    assert.ok(session.isAuthorityLost(error));
    assert.equal(
      formatError(error),
      'reading secret/data/other as role "narrow" was refused: 403 permission denied; a policy of role "narrow" needs: path "secret/data/other" { capabilities = ["read"] } [secret-denied]',
    );
  });

  it('tells deleted and destroyed versions from secrets that never were', async () => {
    const session = await connect(loginAs('web'));
    await bao.putKv2('gone', { k: 'v' });
    await bao.delete('secret/data/gone');
    assert.match(
      await failing(session, '/v1/secret/data/gone'),
      /version 1 of secret\/data\/gone was deleted.*\[secret-deleted\]/,
    );
    await bao.write('secret/destroy/gone', { versions: [1] });
    assert.match(
      await failing(session, 'secret/gone'),
      /version 1 of secret\/data\/gone was destroyed.*\[secret-deleted\]/,
    );
    assert.match(await failing(session, 'secret/never'), /there is nothing at secret\/data\/never.*\[secret-missing\]/);
  });

  it('explains refused logins by role, audience and mount', async () => {
    assert.match(
      await refused(loginAs('nope')),
      /auth\/jwt as role "nope" with audience "vault".*could not be found; check that role/,
    );
    assert.match(await refused(loginAs('web', 'other')), /invalid audience.*the role must accept it.*\[login-denied\]/);
    assert.match(await refused(loginAs('web', 'vault', { ttl: -600 })), /expired.*check the clocks.*\[login-denied\]/);
    assert.match(
      await refused(loginAs('web'), { auth: { method: 'jwt', mount: 'other' } }),
      /auth\/other.*\[login-denied\]/,
    );
    assert.match(await refused(loginAs(undefined)), /no role to log in with.*\[class-invalid\]/);
  });

  it('knows when the token ends, and what its end looks like', async () => {
    const before = Date.now();
    const session = await connect(loginAs('short'));
    const left = (session.expires ?? 0) - before;
    assert.ok(left >= 1000 && left < 3000, String(left));
    await new Promise((resolve) => setTimeout(resolve, 2100));
    assert.ok(session.isAuthorityLost(errorOf(await readOne(session, '/v1/secret/data/app'))));
  });

  it('logs in with AppRole from the Secret of the pod, wrapped or not, as often as it takes', async () => {
    await bao.write('sys/auth/approle', { type: 'approle' });
    await bao.write('auth/approle/role/app', { token_policies: ['app'] });
    const roleId = ((await bao.read('auth/approle/role/app/role-id'))['data'] as { role_id: string }).role_id;
    const plain = ((await bao.write('auth/approle/role/app/secret-id'))['data'] as { secret_id: string }).secret_id;
    const wrapping = await bao.request('POST', 'auth/approle/role/app/secret-id', {
      body: {},
      headers: { 'x-vault-wrap-ttl': '60s' },
    });
    const wrapped = (wrapping.body as { wrap_info: { token: string } }).wrap_info.token;
    const auth = { auth: { method: 'approle' } };
    for (const secrets of [{ secret_id: plain }, { wrapped_secret_id: wrapped }, { secret_id: wrapped }]) {
      const publishSecrets = new Map(
        Object.entries({ role_id: roleId, ...secrets }).map(([k, v]) => [k, new SecretString(v)]),
      );
      const session = await connect({ ...loginAs(undefined), publishSecrets }, auth);
      assert.equal((await value(session, 'secret/app')).keys?.['k'], 'v2');
    }
    assert.match(
      await refused(loginAs(undefined), auth),
      /no AppRole credentials.*nodePublishSecretRef.*\[token-missing\]/,
    );
    const wrong = new Map([
      ['role_id', new SecretString(roleId)],
      ['secret_id', new SecretString('no')],
    ]);
    assert.match(
      await refused({ ...loginAs(undefined), publishSecrets: wrong }, auth),
      /auth\/approle was refused: 400 invalid/,
    );
  });

  it('gives the bytes of what is no JSON', async () => {
    await bao.mount('pki', 'pki');
    await bao.write('pki/root/generate/internal', { common_name: 'test root' });
    const secret = await value(await connect(loginAs('web')), '/v1/pki/ca/pem');
    assert.match(Buffer.from(secret.bytes ?? []).toString(), /^-----BEGIN CERTIFICATE-----/);
    assert.equal(secret.keys, undefined);
  });

  it('lists what is below a path', async () => {
    const session = await connect(loginAs('web'), { address: bao.address });
    await bao.policy('list', 'path "kv1/*" { capabilities = ["list"] }');
    await jwtRole(bao, { name: 'lister', policies: ['list'] });
    const lister = await connect(loginAs('lister'), { address: bao.address });
    const request = { method: 'LIST' };
    assert.deepEqual((await value(lister, '/v1/kv1', { request })).keys?.['keys'], ['app']);
    assert.match(
      await failing(session, '/v1/kv1', { request }),
      /listing kv1 as role "web" was refused.*capabilities = \["list"\]/,
    );
  });

  it('bounds the reads in flight, and shares connections among sessions', async () => {
    const settings = vaultBackend.connectionSchema.parse({
      address: proxy.address,
      auth: { method: 'jwt' },
      maxConcurrent: 4,
    });
    const sessions = await Promise.all(
      [1, 2, 3].map(() => vaultBackend.connect(settings, loginAs('web'), contractDeps, signal)),
    );
    proxy.faults({ match: /data/, delay: 20 });
    proxy.reset();
    const ref = vaultBackend.parseRef(sourceOf('/v1/secret/data/app'));
    await Promise.all(sessions.flatMap((session) => session.read(Array(8).fill(ref), signal)));
    proxy.faults();
    assert.deepEqual([proxy.count(), proxy.highWater()], [24, 4]);
    assert.ok(proxy.connections() <= 4, String(proxy.connections()));
  });

  it('tries again after errors of the server and cut answers', async () => {
    const session = await connect(loginAs('web'));
    for (const fault of [{ status: 500 }, { status: 429 }, { status: 412 }, { cutAfter: 20 }]) {
      proxy.faults({ match: /data/, times: 2, ...fault });
      proxy.reset();
      assert.equal((await value(session, '/v1/secret/data/app')).keys?.['k'], 'v2', JSON.stringify(fault));
      assert.equal(proxy.count(), 3);
    }
    proxy.faults({ match: /data/, status: 500 });
    assert.match(
      await failing(session, '/v1/secret/data/app'),
      /500 the proxy of the test answered.*\[backend-unreachable\]/,
    );
    proxy.faults({ match: /data/, status: 429 });
    assert.match(await failing(session, '/v1/secret/data/app'), /\[backend-throttled\]/);
    proxy.faults();
  });

  it('waits for a slow server no longer than its timeout', async () => {
    const session = await connect(loginAs('web'), { timeout: '1s' });
    proxy.faults({ match: /data/, delay: 200 });
    assert.equal((await value(session, '/v1/secret/data/app')).keys?.['k'], 'v2');
    proxy.faults({ match: /data/, hang: true });
    const started = performance.now();
    assert.match(
      await failing(session, '/v1/secret/data/app'),
      /no whole answer from .* within 1 s \[backend-unreachable\]/,
    );
    assert.ok(performance.now() - started < 3000);
    proxy.faults();
  });

  it('says that the server is sealed, and that it is not there', async () => {
    const session = await connect(loginAs('web'));
    await bao.seal();
    assert.match(
      await failing(session, '/v1/secret/data/app'),
      /is sealed, reading secret\/data\/app.*503 Vault is sealed.*\[backend-sealed\]/,
    );
    assert.match(await refused(loginAs('web')), /is sealed, logging in at auth\/jwt.*\[backend-sealed\]/);
    await bao.unseal();
    assert.equal((await value(session, '/v1/secret/data/app')).keys?.['k'], 'v2');
    const direct = await connect(loginAs('web'), { address: bao.address });
    await bao.stop();
    const started = performance.now();
    assert.match(
      await failing(direct, '/v1/secret/data/app'),
      /^cannot reach http:\/\/127\.0\.0\.1:\d+: connection refused by 127\.0\.0\.1:\d+ \[backend-unreachable\]$/,
    );
    assert.ok(performance.now() - started < 2000);
    await bao.start();
    assert.equal((await value(direct, '/v1/secret/data/app')).keys?.['k'], 'v2');
  });
});

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Login } from '../../../../provider/backends/backend.ts';
import { createVaultBackend } from '../../../../provider/backends/vault/index.ts';
import { inlineConnection } from '../../../../provider/backends/vault/inline.ts';
import { formatError, KeymountError } from '../../../../provider/errors.ts';
import { SecretString } from '../../../../provider/util/secret-string.ts';
import { sourceOf } from '../../../backends/contract.ts';
import { scratchFolder } from '../../../lab/scratch.ts';
import {
  type Answer,
  adminOf,
  type FakeVault,
  fakeJwt,
  fakeLogin,
  fakeToken,
  kubernetesMetadata,
  quickDeps,
  startFakeVault,
} from './fake-vault.ts';

const never = new AbortController().signal;
const backend = createVaultBackend('vault');

describe('a login to Vault', () => {
  let vault: FakeVault;

  before(async () => {
    vault = await startFakeVault();
  });
  after(() => vault.close());

  const named = (auth: Record<string, unknown>) => backend.connectionSchema.parse({ address: vault.address, auth });
  it('that is refused for the issuer says what to correct, though the server answers 500', async () => {
    const answer = { status: 500, body: { errors: ['claim "iss" is invalid'] } };
    await assert.rejects(logIn({ method: 'kubernetes', mount: 'k8s' }, fakeLogin(), answer), (error: KeymountError) => {
      assert.deepEqual([error.code, error.retryable], ['login-denied', false]);
      assert.match(
        formatError(error),
        /claim "iss" is invalid; the issuer of the cluster's tokens is not the one that auth\/k8s expects/,
      );
      return true;
    });
  });

  async function logIn(auth: Record<string, unknown>, login: Login = fakeLogin(), answer?: Answer) {
    vault.asked.length = 0;
    vault.answer = () => answer;
    return await backend.connect(named(auth), login, quickDeps, never);
  }
  async function refused(
    answer: Answer,
    auth: Record<string, unknown> = { method: 'kubernetes' },
    login = fakeLogin(),
  ) {
    const [result] = await Promise.allSettled([logIn(auth, login, answer)]);
    assert.ok(result?.status === 'rejected' && result.reason instanceof KeymountError);
    const text = formatError(result.reason);
    assert.ok(!text.includes(fakeJwt) && !text.includes(fakeToken), text);
    return text;
  }
  const sent = () => vault.asked.map(({ method, url, body }) => `${method} ${url} ${body}`);

  it('shows the token for the right audience at the mount, as the role', async () => {
    const audiences: string[] = [];
    const login = fakeLogin({
      token: async (audience) => {
        audiences.push(audience);
        return new SecretString(fakeJwt);
      },
    });
    await logIn({ method: 'kubernetes' }, login);
    assert.deepEqual(sent(), [`POST /v1/auth/kubernetes/login {"jwt":"${fakeJwt}","role":"web"}`]);
    await logIn({ method: 'jwt', mount: 'team/jwt', role: 'default', audience: 'x' }, { ...login, role: undefined });
    assert.deepEqual(sent(), [`POST /v1/auth/team/jwt/login {"jwt":"${fakeJwt}","role":"default"}`]);
    await logIn({ method: 'jwt', audience: 'x' }, { ...login, audience: 'mine' });
    assert.deepEqual(audiences, ['vault', 'x', 'mine']);
  });

  it('of a certificate names the role of the admin, never that of the class', async () => {
    // cert needs TLS, so the parsed connection is changed here.
    const connection = {
      ...named({ method: 'kubernetes' }),
      auth: { method: 'cert', mount: 'cert', role: 'node' } as const,
    };
    vault.asked.length = 0;
    vault.answer = () => undefined;
    await backend.connect(connection, fakeLogin({ role: 'chosen' }), quickDeps, never);
    assert.deepEqual(sent(), ['POST /v1/auth/cert/login {"name":"node"}']);
  });

  it('is not needed with a token file, which is read anew after a while', async () => {
    const path = join(scratchFolder('token'), 'token');
    writeFileSync(path, ' s.token-of-the-agent\n');
    const session = await logIn({ method: 'token-file', path });
    assert.deepEqual(sent(), []);
    assert.ok((session.expires ?? Number.POSITIVE_INFINITY) - Date.now() <= 60_000);
    await Promise.allSettled(session.read([backend.parseRef(sourceOf('/v1/s/a'))], never));
    assert.equal(vault.asked[0]?.headers['x-vault-token'], 's.token-of-the-agent');
    assert.match(
      await refused({}, { method: 'token-file', path: `${path}-not` }),
      /cannot read the token file .*: ENOENT \[login-failed\]/,
    );
    writeFileSync(path, 'a\nb');
    assert.match(await refused({}, { method: 'token-file', path }), /does not hold a token \[login-failed\]/);
  });

  it('of a drop-in class goes to AppRole where the pod brings a role id', async () => {
    const tls = {
      ca: undefined,
      caDir: undefined,
      serverName: undefined,
      cert: undefined,
      key: undefined,
      skipVerify: false,
    };
    const defaults = {
      ...{
        address: vault.address,
        namespace: undefined,
        authMount: 'kubernetes',
        audience: 'vault',
        audiences: [],
        tls,
      },
      ...{ allowedAddresses: undefined, timeout: 1000, retries: 0, maxConcurrent: 4, proxy: undefined },
    };
    const connection = inlineConnection({}, 'vault', adminOf(defaults, undefined));
    const publishSecrets = new Map([
      ['role_id', new SecretString('r\n')],
      ['secret_id', new SecretString('s')],
    ]);
    vault.asked.length = 0;
    vault.answer = () => undefined;
    await backend.connect(connection, fakeLogin({ publishSecrets }), quickDeps, never);
    await backend.connect(connection, fakeLogin(), quickDeps, never);
    assert.deepEqual(sent(), [
      'POST /v1/auth/approle/login {"role_id":"r","secret_id":"s"}',
      `POST /v1/auth/kubernetes/login {"jwt":"${fakeJwt}","role":"web"}`,
    ]);
  });

  it('with an answer that has no token is an error and nothing worse', async () => {
    for (const [answer, text] of [
      [{ status: 204 }, /the answer has no auth part/],
      [{ body: '' }, /the answer has no auth part/],
      [{ body: {} }, /the answer has no auth part/],
      [{ body: 'null' }, /no auth part/],
      [{ body: { data: {} } }, /no auth part/],
      [{ body: '<html>' }, /no auth part/],
      [{ body: { auth: null } }, /no auth part/],
      [{ body: { auth: {} } }, /no usable client_token/],
      [{ body: { auth: { client_token: '' } } }, /no usable client_token/],
      [{ body: { auth: { client_token: 'a\r\nX-Evil: b' } } }, /no usable client_token/],
      [{ body: { auth: { client_token: 7 } } }, /no usable client_token/],
      [{ body: { auth: { client_token: '', mfa_requirement: { x: 1 } } } }, /wants a second factor/],
    ] as const) {
      const said = await refused(answer);
      assert.match(said, text);
      assert.match(
        said,
        /^logging in at auth\/kubernetes as role "web" with audience "vault".*\[login-(?:failed|denied)\]$/,
      );
    }
  });

  it('that is refused says what to look at', async () => {
    const said = (status: number, ...errors: string[]) => refused({ status, body: { errors } });
    assert.match(
      await said(400, 'invalid role name "web"'),
      /400 invalid role name "web"; check that role "web" exists at auth\/kubernetes \[login-denied\]$/,
    );
    assert.match(await said(403, 'invalid audience (aud) claim'), /made for audience "vault": the role must accept it/);
    assert.match(
      await said(403, 'service account name not authorized'),
      /role "web" must be bound to the ServiceAccount shop\/web/,
    );
    assert.match(await said(403, 'namespace not authorized'), /must be bound to the ServiceAccount shop\/web/);
    assert.match(
      await said(403, 'permission denied'),
      /has role "web", bound to the ServiceAccount shop\/web and to that audience/,
    );
    assert.match(
      await said(404, 'no handler for route "auth/kubernetes/login"'),
      /check that an auth method is mounted at auth\/kubernetes/,
    );
    assert.match(await said(503, 'Vault is sealed'), /is sealed, logging in at auth\/kubernetes.*\[backend-sealed\]$/);
    assert.match(
      await said(500, `lookup failed for ${fakeJwt}`),
      /lookup failed for \[secret\] \[backend-unreachable\]$/,
    );
  });

  it('passes on that there is no token to show', async () => {
    const token = () => Promise.reject(new KeymountError('token-missing', 'none was sent'));
    assert.match(await refused({}, { method: 'jwt' }, fakeLogin({ token })), /none was sent \[token-missing\]$/);
    assert.match(
      await refused({}, { method: 'jwt' }, fakeLogin({ role: undefined })),
      /no role to log in with.*\[class-invalid\]$/,
    );
  });

  describe('says whose ServiceAccount it is', () => {
    const granted = (metadata: unknown) => ({ body: { auth: { client_token: fakeToken, metadata } } });
    const accountOf = async (
      metadata: unknown,
      auth: Record<string, unknown> = { method: 'kubernetes' },
      login?: Login,
    ) => (await logIn(auth, login, granted(metadata))).serviceAccountUid;
    const whole = kubernetesMetadata('uid-sa');

    it('where the kubernetes method does', async () => {
      assert.equal(await accountOf(whole), 'uid-sa');
      assert.equal(await accountOf({ ...whole, more: 'x' }, { method: 'kubernetes', mount: 'team/k8s' }), 'uid-sa');
    });

    it('never where a field is missing, empty, odd, or says another', async () => {
      for (const name of Object.keys(whole).filter((each) => each !== 'role')) {
        const { [name as keyof typeof whole]: _, ...rest } = whole;
        assert.equal(await accountOf(rest), undefined, name);
        for (const value of [null, 0, true, {}, ['web'], 'other']) {
          if (name === 'service_account_uid' && value === 'other') continue;
          assert.equal(await accountOf({ ...whole, [name]: value }), undefined, `${name}: ${JSON.stringify(value)}`);
        }
      }
      assert.equal(await accountOf({ ...whole, service_account_uid: '' }), undefined);
      for (const odd of [null, undefined, 'text', 5, [], [whole], {}]) assert.equal(await accountOf(odd), undefined);
      assert.equal(await accountOf(JSON.parse('{"__proto__":{"service_account_uid":"uid-sa"}}')), undefined);
    });

    it('never for the metadata that roles of the jwt method can make of the claims of a pod’s token', async () => {
      assert.equal(await accountOf({ role: 'web', service_account_uid: 'uid-sa' }), undefined);
      assert.equal(await accountOf({ ...whole, service_account_secret_name: 'web-1' }), undefined);
    });

    it('never where another method was asked, whatever is said', async () => {
      assert.equal(await accountOf(whole, { method: 'jwt' }), undefined);
      const publishSecrets = new Map([['role_id', new SecretString('r')]]);
      assert.equal(await accountOf(whole, { method: 'approle' }, fakeLogin({ publishSecrets })), undefined);
    });
  });

  it('tells how long the token is good', async () => {
    const ttl = (lease_duration: unknown) => ({ body: { auth: { client_token: fakeToken, lease_duration } } });
    const started = Date.now();
    const left = (await logIn({ method: 'jwt' }, fakeLogin(), ttl(60))).expires;
    assert.ok(left !== undefined && left - started >= 60_000 && left - started < 62_000);
    assert.equal((await logIn({ method: 'jwt' }, fakeLogin(), ttl(0))).expires, undefined);
    assert.equal((await logIn({ method: 'jwt' }, fakeLogin(), ttl(undefined))).expires, undefined);
  });
});

import assert from 'node:assert/strict';
import { request } from 'node:https';
import { after, before, beforeEach, describe, it } from 'node:test';
import { type FakeKube, startFakeKube } from './fakekube.ts';
import { type OpenBao, startOpenBao } from './openbao.ts';
import { enableKubernetesAuth, kubernetesRole, login } from './openbao-auth.ts';
import { aPod, serviceAccountUid } from './pod.ts';
import { createTokenIssuer } from './pod-token.ts';
import { requires } from './tools.ts';

const issuer = createTokenIssuer();
const pod = aPod();
type Body = Record<string, Record<string, unknown>>;

describe('fakekube', requires('fakekube', 'bao'), () => {
  let kube: FakeKube;

  before(async () => {
    kube = await startFakeKube(issuer);
  });
  beforeEach(async () => {
    await kube.fault({ mode: 'none' });
    await kube.reset();
  });
  after(() => kube.stop());

  interface Call {
    body?: object;
    token?: string;
    timeout?: number;
  }

  /** One https call that trusts the fake's CA alone. */
  function call(method: string, path: string, { body, token = kube.reviewerToken, timeout = 5_000 }: Call = {}) {
    return new Promise<{ status: number; body: Body }>((resolve, reject) => {
      const outgoing = request(
        `${kube.address}${path}`,
        {
          ...{ method, ca: kube.caPem, agent: false, signal: AbortSignal.timeout(timeout) },
          headers: { authorization: `Bearer ${token}` },
        },
        (answer) => {
          const chunks: Buffer[] = [];
          answer.on('data', (chunk: Buffer) => chunks.push(chunk));
          answer.on('end', () => {
            resolve({ status: answer.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString()) as Body });
          });
        },
      );
      outgoing.on('error', reject);
      outgoing.end(body && JSON.stringify(body));
    });
  }

  const tokenRequest = `/api/v1/namespaces/${pod.namespace}/serviceaccounts/${pod.serviceAccount}/token`;
  const review = async (token: string, audiences?: string[]) =>
    (await call('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { body: { spec: { token, audiences } } })).body[
      'status'
    ];

  it('serves the keys that tokens are signed with', async () => {
    assert.deepEqual((await call('GET', '/openid/v1/jwks')).body, issuer.jwks);
  });

  it('answers 401 without a token for the API', async () => {
    for (const token of ['', issuer.mint(pod, 'vault').token, createTokenIssuer().mint(pod, issuer.issuer).token]) {
      assert.equal((await call('GET', '/openid/v1/jwks', { token })).status, 401);
    }
  });

  it('creates a Secret once, and gets it', async () => {
    const secret = { metadata: { name: 'key' }, data: { key: 'AAEC' }, immutable: true };
    const path = '/api/v1/namespaces/csi/secrets';
    assert.equal((await call('GET', `${path}/key`)).status, 404);
    assert.equal((await call('POST', path, { body: secret })).status, 201);
    assert.equal((await call('POST', path, { body: secret })).status, 409);
    assert.deepEqual((await call('GET', `${path}/key`)).body['data'], { key: 'AAEC' });
    await kube.deleteSecret('csi', 'key');
    await kube.putSecret('csi', 'other', { key: Buffer.from([0, 1, 2]) });
    assert.equal((await call('GET', `${path}/key`)).status, 404);
    assert.deepEqual((await call('GET', `${path}/other`)).body['data'], { key: 'AAEC' });
  });

  it('issues tokens bound to a pod, and reviews them for their audience only', async () => {
    const boundObjectRef = { kind: 'Pod', apiVersion: 'v1', name: pod.name, uid: pod.uid };
    const spec = { audiences: ['vault'], expirationSeconds: 600, boundObjectRef };
    const { status, body } = await call('POST', tokenRequest, { body: { spec } });
    assert.equal(status, 201);
    const reviewed = (await review(String(body['status']?.['token']), ['vault'])) as Record<string, Body>;
    assert.equal(reviewed['authenticated'], true);
    assert.equal(reviewed['user']?.['uid'], serviceAccountUid(pod.namespace, pod.serviceAccount));
    assert.deepEqual(reviewed['user']?.['extra']?.['authentication.kubernetes.io/pod-uid'], [pod.uid]);
    assert.equal((await review(String(body['status']?.['token'])))?.['authenticated'], false);
  });

  it('refuses a TokenRequest below ten minutes, as an API server does', async () => {
    assert.equal((await call('POST', tokenRequest, { body: { spec: { expirationSeconds: 599 } } })).status, 422);
  });

  it('refuses the tokens of a ServiceAccount that was made anew or deleted', async () => {
    const other = aPod({ serviceAccount: 'other' });
    const { token } = issuer.mint(other, 'vault');
    assert.equal((await review(token, ['vault']))?.['authenticated'], true);
    await kube.setServiceAccountUid('shop', 'other', 'another');
    assert.equal((await review(token, ['vault']))?.['authenticated'], false);
    const path = '/api/v1/namespaces/shop/serviceaccounts/other';
    assert.equal((await call('GET', path)).body['metadata']?.['uid'], 'another');
    await kube.deleteServiceAccount('shop', 'other');
    assert.deepEqual(
      [(await call('GET', path)).status, (await call('POST', `${path}/token`, { body: {} })).status],
      [404, 404],
    );
  });

  it('knows the nodes that a test made', async () => {
    assert.equal((await call('GET', '/api/v1/nodes/n')).status, 404);
    await kube.putNode('n', { 'topology.kubernetes.io/region': 'r' });
    assert.deepEqual((await call('GET', '/api/v1/nodes/n')).body['metadata']?.['labels'], {
      'topology.kubernetes.io/region': 'r',
    });
  });

  it('counts calls', async () => {
    await Promise.all([call('GET', '/openid/v1/jwks'), call('GET', '/openid/v1/jwks')]);
    assert.deepEqual(await kube.requests(), { 'GET /openid/v1/jwks': 2 });
  });

  it('fails the calls that a test names, and no others', async () => {
    await kube.fault({ mode: 'fail', status: 403, path: '/secrets' });
    assert.equal((await call('GET', '/api/v1/namespaces/csi/secrets/other')).status, 403);
    assert.equal((await call('GET', '/openid/v1/jwks')).status, 200);
  });

  it('hangs until the fault is lifted', async () => {
    await kube.fault({ mode: 'hang' });
    await assert.rejects(call('GET', '/openid/v1/jwks', { timeout: 200 }), /aborted/);
    const waiting = call('GET', '/openid/v1/jwks');
    await kube.fault({ mode: 'none' });
    assert.equal((await waiting).status, 200);
  });

  it('goes away, and comes back at the same address with the same certificate', async () => {
    await kube.fault({ mode: 'gone' });
    await assert.rejects(call('GET', '/openid/v1/jwks'), /ECONNREFUSED/);
    await kube.fault({ mode: 'none' });
    assert.equal((await call('GET', '/openid/v1/jwks')).status, 200);
  });

  describe('behind OpenBao’s kubernetes auth', () => {
    let bao: OpenBao;

    before(async () => {
      bao = await startOpenBao();
      await enableKubernetesAuth(bao, kube);
      await kubernetesRole(bao, { name: 'shop', policies: ['default'] });
    });
    after(() => bao.stop());

    it('proves a pod’s ServiceAccount and its uid', async () => {
      const token = await login(bao, 'kubernetes', 'shop', issuer.mint(pod, 'vault').token);
      const { body } = await bao.request('GET', 'auth/token/lookup-self', { token });
      const { meta } = (body as { data: { meta: Record<string, string> } }).data;
      assert.equal(meta['service_account_uid'], pod.serviceAccountUid);
      assert.equal(meta['service_account_namespace'], 'shop');
    });

    it('refuses a token for somebody else', async () => {
      await assert.rejects(login(bao, 'kubernetes', 'shop', issuer.mint(pod, 'openbao').token), /403|400/);
    });
  });
});

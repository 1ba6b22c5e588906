import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { apiPath, createKubeApi, type KubeApi, type KubeApiDeps } from '../../../provider/kube/api.ts';
import type { KubeConfig } from '../../../provider/kube/config.ts';
import { getJwks } from '../../../provider/kube/jwks.ts';
import { KubeError } from '../../../provider/kube/kube-error.ts';
import { getNode } from '../../../provider/kube/nodes.ts';
import { createImmutableSecret, getSecretField } from '../../../provider/kube/secrets.ts';
import { getServiceAccount, requestToken } from '../../../provider/kube/service-accounts.ts';
import { createTrust } from '../../../provider/net/trust.ts';
import { systemClock } from '../../../provider/util/clock.ts';
import { type KubeApiServer, kubeConfigOf, startKubeApi } from '../../lab/kube-api.ts';
import { aPod } from '../../lab/pod.ts';
import { scratchFolder } from '../../lab/scratch.ts';
import { makeCa, makeIntermediate, makeLeaf } from '../net/certificates.ts';

function fails(status: number | undefined, reason: string, message = /./) {
  return (error: unknown) => {
    assert.ok(error instanceof KubeError, String(error));
    assert.deepEqual([error.status, error.reason], [status, reason]);
    assert.match(error.message, message);
    return true;
  };
}

describe('the client of the API server', () => {
  let server: KubeApiServer;
  let opened: KubeApi[];

  before(async () => {
    server = await startKubeApi();
  });
  after(() => server.close());
  beforeEach(() => {
    opened = [];
    server.fault = () => undefined;
    server.calls.length = 0;
    server.nodes.set('node-1', { kind: 'Node', metadata: { name: 'node-1', labels: { zone: 'a' } } });
  });
  afterEach(() => {
    for (const api of opened) api.close();
  });

  function connect(parts: Partial<KubeConfig> = {}, deps: Partial<KubeApiDeps> = {}): KubeApi {
    const api = createKubeApi(kubeConfigOf(server, parts), { clock: systemClock, ...deps });
    opened.push(api);
    return api;
  }

  describe('makes the calls that keymount needs', () => {
    it('creates an immutable Secret and reads its field', async () => {
      const api = connect();
      const secret = { namespace: 'csi', name: 'created' };
      await createImmutableSecret(api, secret, 'key', Buffer.from([0, 255, 1]));
      const { type, immutable, data } = server.secrets.get('csi/created') ?? {};
      assert.deepEqual({ type, immutable, data }, { type: 'Opaque', immutable: true, data: { key: 'AP8B' } });
      assert.deepEqual(await getSecretField(api, secret, 'key'), Buffer.from([0, 255, 1]));
      assert.equal(await getSecretField(api, secret, 'other'), undefined);
    });

    it('says AlreadyExists and NotFound as the API server does', async () => {
      const api = connect();
      const secret = { namespace: 'csi', name: 'twice' };
      await createImmutableSecret(api, secret, 'key', Buffer.from('a'));
      const again = createImmutableSecret(api, secret, 'key', Buffer.from('b'));
      await assert.rejects(again, fails(409, 'AlreadyExists', /"twice" already exists/));
      const missing = getSecretField(api, { namespace: 'csi', name: 'none' }, 'key');
      await assert.rejects(missing, fails(404, 'NotFound', /"none" not found/));
    });

    it('requests a token for a pod', async () => {
      const pod = aPod();
      server.pods.set(`${pod.namespace}/${pod.name}`, pod);
      const spec = { audiences: ['vault'], expirationSeconds: 900, boundPod: { name: pod.name, uid: pod.uid } };
      const { token, expires } = await requestToken(connect(), pod.namespace, pod.serviceAccount, spec);
      const payload = JSON.parse(Buffer.from(token.reveal().split('.')[1] ?? '', 'base64url').toString()) as {
        exp: number;
        aud: string[];
      };
      assert.deepEqual(payload.aud, ['vault']);
      assert.equal(expires, payload.exp * 1000);
      assert.deepEqual(server.tokenRequests.at(-1)?.spec, {
        audiences: ['vault'],
        expirationSeconds: 900,
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: pod.name, uid: pod.uid },
      });
    });

    it('reads the signing keys, a node and a ServiceAccount', async () => {
      const api = connect();
      server.serviceAccounts.set('shop/web', { metadata: { annotations: { a: 'b' } } });
      assert.deepEqual((await getJwks(api)).keys[0]?.['kid'], server.issuer.jwks.keys[0]?.['kid']);
      assert.deepEqual((await getNode(api, 'node-1'))['kind'], 'Node');
      assert.deepEqual(await getServiceAccount(api, 'shop', 'web'), { metadata: { annotations: { a: 'b' } } });
    });
  });

  it('uses one connection for one call after the other', async () => {
    const api = connect();
    const before = server.connections();
    for (let i = 0; i < 5; i++) await getNode(api, 'node-1');
    assert.equal(server.connections() - before, 1);
  });

  it('opens at most 16 connections, however many calls there are, and answers all', async () => {
    const api = connect();
    const before = server.connections();
    await Promise.all(Array.from({ length: 110 }, () => getNode(api, 'node-1')));
    assert.ok(server.connections() - before <= 16, String(server.connections() - before));
  });

  it('repeats a call on a new connection when the kept one was closed meanwhile', async () => {
    const api = connect();
    await getNode(api, 'node-1');
    await server.goAway();
    await server.comeBack();
    assert.equal((await getNode(api, 'node-1'))['kind'], 'Node');
  });

  it('takes a new token from its file without being told', async () => {
    const file = join(scratchFolder('token'), 'token');
    writeFileSync(file, `${server.token}\n`);
    const api = connect({ token: { file } });
    await getNode(api, 'node-1');
    const old = server.token;
    server.token = 'token-of-keymount-2';
    try {
      await assert.rejects(getNode(api, 'node-1'), fails(401, 'Unauthorized'));
      writeFileSync(`${file}.new`, server.token);
      renameSync(`${file}.new`, file);
      assert.equal((await getNode(api, 'node-1'))['kind'], 'Node');
    } finally {
      server.token = old;
    }
  });

  it('takes a new CA from its file, and trusts the old one no longer', async () => {
    const file = join(scratchFolder('ca'), 'ca.crt');
    writeFileSync(file, server.ca());
    const api = connect({ ca: { file } });
    await getNode(api, 'node-1');
    server.renewCertificate();
    await server.goAway();
    await server.comeBack();
    await assert.rejects(getNode(api, 'node-1'), fails(undefined, 'Untrusted', /not trusted/));
    writeFileSync(file, server.ca());
    assert.equal((await getNode(api, 'node-1'))['kind'], 'Node');
  });

  it('checks the name in the certificate, which tls-server-name can set', async () => {
    const named = connect({ serverName: 'kubernetes.default.svc' });
    assert.equal((await getNode(named, 'node-1'))['kind'], 'Node');
    const misnamed = connect({ serverName: 'vault.example' });
    await assert.rejects(getNode(misnamed, 'node-1'), fails(undefined, 'Untrusted', /other names/));
  });

  it('trusts no unknown CA unless told to skip the verification', async () => {
    await assert.rejects(getNode(connect({ ca: undefined }), 'node-1'), fails(undefined, 'Untrusted'));
    assert.equal((await getNode(connect({ ca: undefined, skipVerify: true }), 'node-1'))['kind'], 'Node');
  });

  it('trusts a CA file that holds the certificate of the server alone, or only an intermediate', async () => {
    // kubeadm with an external CA, RKE2 and Rancher put an intermediate into ca.crt, which kubectl takes for an anchor.
    const intermediate = makeIntermediate(makeCa('root'));
    const leaf = makeLeaf(intermediate);
    server.useCertificate({ cert: leaf.cert + intermediate.cert, key: leaf.key });
    try {
      for (const ca of [intermediate.cert, leaf.cert]) {
        assert.equal((await getNode(connect({ ca: { data: ca } }), 'node-1'))['kind'], 'Node');
      }
      const other = connect({ ca: { data: makeIntermediate(makeCa('root')).cert } });
      await assert.rejects(getNode(other, 'node-1'), fails(undefined, 'Untrusted'));
    } finally {
      server.renewCertificate();
    }
  });

  it('takes every CA of a bundle that has a broken block, and tells of it once', async () => {
    const told: string[][] = [];
    const trust = createTrust({ file: undefined, dirs: undefined }, (...told_) => told.push(told_));
    const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    const file = join(scratchFolder('ca'), 'ca.crt');
    writeFileSync(file, broken + server.ca());
    const api = connect({ ca: { file } }, { trust });
    await getNode(api, 'node-1');
    await getNode(api, 'node-1');
    assert.deepEqual(
      told.map(([path]) => path),
      [file],
    );
    const nothing = connect({ ca: { data: broken } });
    await assert.rejects(getNode(nothing, 'node-1'), fails(undefined, 'BadCredentials', /PEM/));
  });

  it('trusts the CAs of the system where the kubeconfig names none', async () => {
    const file = join(scratchFolder('ca'), 'system.pem');
    writeFileSync(file, server.ca());
    const trust = createTrust({ file, dirs: '/nowhere' }, () => {});
    assert.equal((await getNode(connect({ ca: undefined }, { trust }), 'node-1'))['kind'], 'Node');
    const none = createTrust({ file: '/nowhere/ca.pem', dirs: '/nowhere' }, () => {});
    await assert.rejects(getNode(connect({ ca: undefined }, { trust: none }), 'node-1'), fails(undefined, 'Untrusted'));
  });

  it('names the file that it cannot read, and the PEM that it cannot use', async () => {
    const token = connect({ token: { file: '/nowhere/token' } });
    await assert.rejects(getNode(token, 'node-1'), fails(undefined, 'BadCredentials', /\/nowhere\/token/));
    const broken = { data: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' };
    const client = connect({ clientCertificate: { cert: broken, key: broken } });
    await assert.rejects(getNode(client, 'node-1'), fails(undefined, 'BadCredentials', /PEM/));
  });

  it('gives a hanging API server up after its time', async () => {
    server.fault = () => 'hang';
    const started = performance.now();
    await assert.rejects(getNode(connect({}, { timeout: 150 }), 'node-1'), fails(undefined, 'Unreachable', /0.15 s/));
    assert.ok(performance.now() - started < 1500);
  });

  it("rejects with the caller's own reason when the caller gives up", async () => {
    server.fault = () => 'hang';
    const controller = new AbortController();
    const reason = new Error('the Mount was cancelled');
    const call = getNode(connect(), 'node-1', { signal: controller.signal });
    setTimeout(() => controller.abort(reason), 50);
    await assert.rejects(call, (error) => error === reason);
    await assert.rejects(getNode(connect(), 'node-1', { signal: controller.signal }), (error) => error === reason);
  });

  it('says that an API server which is away, or breaks connections, cannot be reached', async () => {
    const api = connect();
    server.fault = () => 'reset';
    await assert.rejects(getNode(api, 'node-1'), fails(undefined, 'Unreachable', /reset/));
    await server.goAway();
    try {
      await assert.rejects(getNode(api, 'node-1'), fails(undefined, 'Unreachable', /refused/));
    } finally {
      await server.comeBack();
    }
  });

  it('refuses replies that are no JSON objects, and larger ones than allowed', async () => {
    const api = connect({}, { largestReply: 1000 });
    for (const body of ['', 'no JSON', '[1]', 'null', '"text"', `${'['.repeat(400)}${']'.repeat(400)}`]) {
      server.fault = () => body;
      await assert.rejects(getNode(api, 'node-1'), fails(undefined, 'BadReply', /no JSON object/));
    }
    server.fault = () => JSON.stringify({ filler: 'x'.repeat(1000) });
    await assert.rejects(getNode(api, 'node-1'), fails(undefined, 'BadReply', /larger than 1000 bytes/));
  });

  it('understands a failure without a Status', async () => {
    server.fault = () => ({ status: 503, reason: '', message: '' });
    await assert.rejects(getNode(connect(), 'node-1'), fails(503, 'Service Unavailable'));
  });

  it('shortens what the API server says to one line of 300 characters', async () => {
    server.fault = () => ({ status: 500, reason: 'InternalError', message: `a\nb ${'x'.repeat(500)}` });
    await assert.rejects(getNode(connect(), 'node-1'), fails(500, 'InternalError', /^a b x{295}…$/));
  });

  it('puts names into paths so that they stay names', async () => {
    assert.equal(apiPath('api', 'v1', 'nodes', 'a/b?c#d'), '/api/v1/nodes/a%2Fb%3Fc%23d');
    for (const name of ['', '.', '..']) await assert.rejects(getNode(connect(), name), fails(undefined, 'BadName'));
    assert.deepEqual(server.calls, []);
  });

  it('shows its token in no error', async () => {
    server.token = 'another';
    const api = connect({ token: { data: 'canary-token' } });
    const error = await getNode(api, 'node-1').catch((thrown: unknown) => thrown);
    assert.ok(error instanceof KubeError);
    assert.doesNotMatch(`${error.stack} ${JSON.stringify(error)}`, /canary-token/);
    server.token = 'token-of-keymount';
  });
});

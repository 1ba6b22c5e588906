import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { type FakeKube, startFakeKube } from '../lab/fakekube.ts';
import { texts, versions } from '../lab/grpc-client.ts';
import type { OpenBao } from '../lab/openbao.ts';
import { enableKubernetesAuth, kubernetesRole } from '../lab/openbao-auth.ts';
import { aPod } from '../lab/pod.ts';
import { createTokenIssuer } from '../lab/pod-token.ts';
import { type LabProxy, startProxy } from '../lab/proxy.ts';
import { requires } from '../lab/tools.ts';
import { baoClass, object, startBao } from './bao.ts';
import { canaries, forEachBuild, type Keymount, startKeymount } from './keymount.ts';
import { requestOf } from './requests.ts';

describe('many pods at once', requires('bao', 'fakekube'), () => {
  const issuer = createTokenIssuer();
  const password = canaries.plant('the password');
  let bao: OpenBao;
  let kube: FakeKube;
  let proxy: LabProxy;
  before(async () => {
    [bao, kube] = await Promise.all([startBao(issuer), startFakeKube(issuer)]);
    canaries.watchJwt('the token of keymount itself', kube.reviewerToken);
    proxy = await startProxy(bao.address);
    await bao.putKv2('shop/db', { username: 'app', password });
    // a secret for each pod, to see that nobody gets another's
    await bao.policy('own', 'path "secret/data/own/*" { capabilities = ["read"] }');
    for (let pod = 0; pod < 50; pod++) await bao.putKv2(`own/${pod}`, { name: `app-${pod}` });
    await enableKubernetesAuth(bao, kube);
    await kubernetesRole(bao, { name: 'app', policies: ['app', 'own'] });
  });
  after(async () => {
    await proxy.close();
    await Promise.all([bao.stop(), kube.stop()]);
  });

  forEachBuild('mount', (build) => {
    let keymount: Keymount;
    before(async () => {
      keymount = await startKeymount({ build, args: ['--kubeconfig', kube.kubeconfig] });
    });
    afterEach(() => proxy.reset());
    after(() => keymount.stop());
    const classOf = (objects: Record<string, unknown>[]) =>
      baoClass(proxy.address, objects, { vaultAuthMountPath: 'kubernetes' });

    it('200 Mounts of 50 pods, each with its own ServiceAccount and its own files', async () => {
      const requests = Array.from({ length: 50 }, (_, index) => {
        const parameters = classOf([
          object('name', `secret/data/own/${index}`, 'name'),
          object('password', 'secret/data/shop/db', 'password'),
        ]);
        return requestOf(issuer, { pod: aPod({ serviceAccount: `app-${index}` }), parameters });
      });
      const outcomes = await Promise.all(
        Array.from({ length: 200 }, async (_, index) => ({
          index: index % 50,
          outcome: await keymount.mount('vault', requests[index % 50] as (typeof requests)[number]),
        })),
      );
      for (const { index, outcome } of outcomes) assert.deepEqual(texts(outcome), { name: `app-${index}`, password });
      assert.equal(proxy.count(/\/login$/), 50);
      // both secrets of each, each asked once: the four Mounts of a pod share the reads
      assert.equal(proxy.count(/^GET \/v1\/secret\/data\//), 100);
      assert.ok(proxy.highWater() <= 64, `${proxy.highWater()} requests at once`);
    });

    it('20 pods of one ServiceAccount with one login and one read', async () => {
      const parameters = classOf([
        object('username', 'secret/data/shop/db', 'username'),
        object('password', 'secret/data/shop/db', 'password'),
      ]);
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, () => keymount.mount('vault', requestOf(issuer, { parameters }))),
      );
      for (const outcome of outcomes) assert.deepEqual(texts(outcome), { username: 'app', password });
      assert.equal(new Set(outcomes.map((outcome) => JSON.stringify(versions(outcome)))).size, 1);
      assert.equal(proxy.count(/\/login$/), 1);
      assert.equal(proxy.count(/^GET \/v1\/secret\/data\//), 1);
    });
  });
});

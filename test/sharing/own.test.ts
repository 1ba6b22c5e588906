import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, beforeEach, describe, it } from 'node:test';
import { canaries, type Keymount } from '../e2e/keymount.ts';
import { assertRefused } from '../e2e/messages.ts';
import { requestOf } from '../e2e/requests.ts';
import { texts, versions } from '../lab/grpc-client.ts';
import { jwtRole } from '../lab/openbao-auth.ts';
import { aPod, type Pod } from '../lab/pod.ts';
import { requires } from '../lab/tools.ts';
import { kubernetesClass, logins, password, reads, type SharingLab, startSharingLab } from './lab.ts';

describe('replicas of a Deployment', requires('bao', 'fakekube'), () => {
  const value = canaries.plant('the shared password');
  let lab: SharingLab;
  let keymount: Keymount;
  before(async () => {
    lab = await startSharingLab();
    const { bao } = lab;
    await bao.putKv2('shop/db', { password: value });
    await bao.mount('pki', 'pki');
    await bao.write('pki/root/generate/internal', { common_name: 'test CA', key_type: 'ec', key_bits: 256 });
    await bao.write('pki/roles/web', { allow_any_name: true, key_type: 'ec', key_bits: 256, enforce_hostnames: false });
    await bao.write('identity/oidc/key/web', { allowed_client_ids: ['*'], algorithm: 'ES256' });
    await bao.write('identity/oidc/role/web', { key: 'web' });
    keymount = await lab.keymount(['--refresh-interval', '1h']);
  });
  after(async () => {
    await keymount.stop();
    await lab.stop();
  });
  beforeEach(() => lab.proxy.reset());

  const replicasOf = (serviceAccount: string, count: number) =>
    Array.from({ length: count }, () => aPod({ serviceAccount }));
  const mountAll = (pods: Pod[], objects: Record<string, unknown>[], parameters: Record<string, string> = {}) =>
    Promise.all(
      pods.map((pod) =>
        keymount.mount('vault', requestOf(lab.issuer, { pod, parameters: kubernetesClass(objects, parameters) })),
      ),
    );
  /** Each pod by itself: what one has left in memory, the next one could get. */
  async function mountEach(pods: Pod[], objects: Record<string, unknown>[]): Promise<Record<string, string>[]> {
    const files: Record<string, string>[] = [];
    for (const pod of pods) files.push(...(await mountAll([pod], objects)).map(texts));
    return files;
  }
  const different = (values: (string | undefined)[]) => {
    assert.ok(values.every((each) => each !== undefined && each !== ''));
    assert.equal(new Set(values).size, values.length);
  };

  it('cost one login and one read, however many there are', async () => {
    const outcomes = await mountAll(replicasOf('many', 110), [password('db')]);
    for (const outcome of outcomes) assert.deepEqual(texts(outcome), { password: value });
    assert.deepEqual([lab.proxy.count(logins), lab.proxy.count(reads)], [1, 1]);
    assert.ok(lab.proxy.count() <= 3, `${lab.proxy.count()} requests`);
  });

  it('log in each where the login does not say whose it is', async () => {
    const outcomes = await mountAll(replicasOf('jwt', 3), [password('db')], { vaultAuthMountPath: 'jwt' });
    for (const outcome of outcomes) assert.deepEqual(texts(outcome), { password: value });
    assert.deepEqual([lab.proxy.count(logins), lab.proxy.count(reads)], [3, 3]);
  });

  // What such a role grants may go by the pod: by `bound_claims`, or by policies with the entity's alias in their paths.
  it('log in each where the jwt method copies claims into the names of the kubernetes method', async () => {
    const uid = { '/kubernetes.io/serviceaccount/uid': 'service_account_uid' };
    const all = {
      ...uid,
      '/kubernetes.io/serviceaccount/name': 'service_account_name',
      '/kubernetes.io/namespace': 'service_account_namespace',
      '/kubernetes.io/pod/name': 'service_account_secret_name',
    };
    const absent = {
      ...all,
      '/kubernetes.io/pod/name': 'x',
      '/kubernetes.io/secret/name': 'service_account_secret_name',
    };
    for (const [name, claim_mappings] of Object.entries({ uid, all, absent })) {
      await jwtRole(lab.bao, { name, policies: ['app'], more: { claim_mappings } });
      lab.proxy.reset();
      const pods = replicasOf(`mapped-${name}`, 3);
      const outcomes = await mountAll(pods, [password('db')], { vaultAuthMountPath: 'jwt', roleName: name });
      for (const outcome of outcomes) assert.deepEqual(texts(outcome), { password: value });
      assert.deepEqual([lab.proxy.count(logins), lab.proxy.count(reads)], [3, 3], name);
    }
  });

  it('log in each with the Secret of nodePublishSecretRef', async () => {
    const pods = replicasOf('ref', 2);
    const outcomes = await Promise.all(
      pods.map((pod) =>
        keymount.mount(
          'vault',
          requestOf(lab.issuer, { pod, parameters: kubernetesClass([password('db')]), nodePublishSecret: { a: 'b' } }),
        ),
      ),
    );
    for (const outcome of outcomes) assert.deepEqual(texts(outcome), { password: value });
    assert.equal(lab.proxy.count(logins), 2);
  });

  it('get each a certificate of their own beside the secret that they share', async () => {
    const issue = {
      ...{ objectName: 'tls.crt', secretPath: 'pki/issue/web', secretKey: 'certificate' },
      ...{ method: 'PUT', secretArgs: { common_name: 'web.shop', ttl: '1h' } },
    };
    const pods = replicasOf('tls', 3);
    const files = await mountEach(pods, [password('db'), issue]);
    different(files.map((each) => new X509Certificate(each['tls.crt'] ?? '').serialNumber));
    assert.equal(lab.proxy.count(reads), 1);
    // one for all, and one each
    assert.equal(lab.proxy.count(logins), 4);
    assert.deepEqual(await mountEach(pods, [password('db'), issue]), files);
  });

  it('get each what a mount of unknown kind says to them, with a token of their own', async () => {
    const self = { objectName: 'accessor', secretPath: '/v1/auth/token/lookup-self', secretKey: 'accessor' };
    const files = await mountEach(replicasOf('self', 3), [self, password('db')]);
    different(files.map(({ accessor }) => accessor));
    const oidc = { objectName: 'token', secretPath: 'identity/oidc/token/web', secretKey: 'token' };
    different((await mountEach(replicasOf('oidc', 3), [oidc])).map(({ token }) => token));
  });

  it('look each into the cubbyhole of a token of their own', async () => {
    const hole = { objectName: 'hole', secretPath: 'cubbyhole/x', secretKey: 'x', optional: 'true' };
    const files = await mountEach(replicasOf('hole', 2), [hole, password('db')]);
    assert.deepEqual(files, [{ password: value }, { password: value }]);
    // one for all, and one each
    assert.equal(lab.proxy.count(logins), 3);
  });

  it('share nothing that a path with encoded slashes makes look like a key-value secret', async () => {
    await mountAll(replicasOf('slash', 1), [password('db')]);
    lab.proxy.reset();
    const trick = '/v1/secret%2f..%2fauth%2ftoken%2flookup-self';
    const pods = replicasOf('slash', 2);
    const objects = [{ objectName: 'accessor', secretPath: trick, secretKey: 'accessor' }];
    for (const pod of pods) {
      const [outcome] = await mountAll([pod], objects);
      assert.ok(outcome);
      // OpenBao takes no such path; what counts is that no one is told that it is a secret of `secret/`.
      assertRefused(outcome, 'PERMISSION_DENIED', 'secret-denied');
    }
    assert.equal(lab.proxy.count(logins), 2);
  });
});

describe('two tenants with the same class', requires('bao', 'fakekube'), () => {
  let lab: SharingLab;
  let keymount: Keymount;
  before(async () => {
    lab = await startSharingLab();
    keymount = await lab.keymount(['--refresh-interval', '1h']);
  });
  after(async () => {
    await keymount.stop();
    await lab.stop();
  });

  // The same class, role and policy; what OpenBao answers is another thing for each.
  it('get each their own answer, with versions of their own', async () => {
    const objects = [{ objectName: 'who', secretPath: '/v1/auth/token/lookup-self', secretKey: 'display_name' }];
    const pods = [aPod({ namespace: 'shop' }), aPod({ namespace: 'pay' })];
    for (let round = 0; round < 3; round++) {
      const outcomes = [];
      for (const pod of pods) {
        const request = requestOf(lab.issuer, { pod, parameters: kubernetesClass(objects) });
        outcomes.push(await keymount.mount('vault', request));
      }
      assert.deepEqual(outcomes.map(texts), [{ who: 'kubernetes-shop-web' }, { who: 'kubernetes-pay-web' }]);
      const [a, b] = outcomes.map((outcome) => versions(outcome)['who']);
      assert.notEqual(a, b);
    }
  });
});

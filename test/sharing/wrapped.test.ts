import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { canaries, type Keymount, startKeymount } from '../e2e/keymount.ts';
import { assertRefused } from '../e2e/messages.ts';
import { requestOf, vaultClass } from '../e2e/requests.ts';
import { until } from '../e2e/until.ts';
import { texts } from '../lab/grpc-client.ts';
import { type KubeApiServer, startKubeApi, writeKubeconfig } from '../lab/kube-api.ts';
import { type OpenBao, startOpenBao } from '../lab/openbao.ts';
import { aPod, type Pod } from '../lab/pod.ts';
import { type LabProxy, startProxy } from '../lab/proxy.ts';
import { scratchFolder } from '../lab/scratch.ts';
import { requires } from '../lab/tools.ts';

/** The secret id of AppRole in a wrapping token, which opens once: by then it is no proof of who shows it. */
describe('a spent wrapping token', requires('bao'), () => {
  const value = canaries.plant('the password for AppRole');
  const own = aPod({ namespace: 'csi', name: 'keymount-x' });
  let bao: OpenBao;
  let proxy: LabProxy;
  let elsewhere: LabProxy;
  let kube: KubeApiServer;
  let keymount: Keymount;
  let roleId = '';

  before(async () => {
    [bao, kube] = await Promise.all([startOpenBao(), startKubeApi()]);
    [proxy, elsewhere] = [await startProxy(bao.address), await startProxy(bao.address)];
    canaries.watch('the token of keymount itself', kube.token);
    await bao.policy('app', 'path "secret/data/shop/*" { capabilities = ["read"] }');
    await bao.putKv2('shop/db', { password: value });
    await bao.write('sys/auth/approle', { type: 'approle' });
    // Sessions end after a second: keymount does without the last two of them.
    await bao.write('auth/approle/role/app', { token_policies: ['app'], token_ttl: '3s' });
    roleId = ((await bao.read('auth/approle/role/app/role-id'))['data'] as { role_id: string }).role_id;
    kube.podFeed.add(own);
    const kubeconfig = writeKubeconfig(kube, scratchFolder('kube'));
    const args = ['--vault-addr', proxy.address, '--kubeconfig', kubeconfig];
    keymount = await startKeymount({ args: [...args, '--node-name', 'node-1', '--pod-name', own.name] });
  });
  after(async () => {
    await keymount.stop();
    await Promise.all([proxy.close(), elsewhere.close(), kube.close()]);
    await bao.stop();
  });

  async function wrap(): Promise<string> {
    const headers = { 'x-vault-wrap-ttl': '60s' };
    const { body } = await bao.request('POST', 'auth/approle/role/app/secret-id', { body: {}, headers });
    const { token } = (body as { wrap_info: { token: string } }).wrap_info;
    canaries.watch('the wrapping token', token);
    return token;
  }
  const mountAs = (pod: Pod, token: string, parameters: Record<string, string> = {}) => {
    const objects = [{ objectName: 'password', secretPath: 'secret/data/shop/db', secretKey: 'password' }];
    const nodePublishSecret = { role_id: roleId, wrapped_secret_id: token };
    return keymount.mount(
      'vault',
      requestOf(kube.issuer, { pod, parameters: vaultClass(objects, parameters), nodePublishSecret }),
    );
  };
  const there = (parts: Partial<Pod> = {}): Pod => {
    const pod = aPod(parts);
    kube.podFeed.add(pod);
    return pod;
  };
  const logins = () => proxy.count(/approle\/login$/);
  const assertSpent = (outcome: Awaited<ReturnType<typeof mountAs>>) =>
    assertRefused(outcome, 'PERMISSION_DENIED', 'login-denied', 'could not be unwrapped');

  it('serves its pod again and again, until the pod is gone', async () => {
    const [pod, token] = [there(), await wrap()];
    const before = logins();
    await until(async () => {
      assert.deepEqual(texts(await mountAs(pod, token)), { password: value });
      return logins() >= before + 3;
    }, 20_000);
    assert.equal(proxy.count(/wrapping\/unwrap$/), 1);
    kube.podFeed.remove(pod);
    await until(async () => 'code' in (await mountAs(pod, token)), 20_000);
    assertSpent(await mountAs(pod, token));
  });

  it('is worth nothing in the hands of another pod, of another namespace or not', async () => {
    const [pod, token] = [there(), await wrap()];
    assert.deepEqual(texts(await mountAs(pod, token)), { password: value });
    const before = logins();
    for (const thief of [there({ namespace: 'evil' }), there(), there({ serviceAccount: 'evil' })]) {
      assertSpent(await mountAs(thief, token));
    }
    assert.equal(logins(), before);
  });

  it('makes nobody send the secret id to an address that a class chose', async () => {
    const [pod, token] = [there(), await wrap()];
    assert.deepEqual(texts(await mountAs(pod, token)), { password: value });
    assertSpent(await mountAs(pod, token, { vaultAddress: elsewhere.address }));
    assert.deepEqual([elsewhere.count(/wrapping\/unwrap$/), elsewhere.count(/login$/)], [1, 0]);
  });
});

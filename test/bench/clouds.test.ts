import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { driverRequest } from '../lab/driver-attributes.ts';
import { type FakeKube, startFakeKube } from '../lab/fakekube.ts';
import { mount, refused, texts } from '../lab/grpc-client.ts';
import { requestJson } from '../lab/http-json.ts';
import { type Keymount, startKeymount } from '../lab/keymount.ts';
import { aPod } from '../lab/pod.ts';
import { createTokenIssuer, podTokens } from '../lab/pod-token.ts';
import { requires } from '../lab/tools.ts';
import { accountOf, batch, batches, contentOf, namespace } from './clouds/accounts.ts';
import { type Cloud, cloudNames } from './clouds/cloud.ts';
import { type Clouds, createClouds } from './clouds/clouds.ts';
import { firstClass } from './constant-reply.ts';
import { awsClass } from './scenarios/aws.ts';
import { azureClass } from './scenarios/azure.ts';
import { type CloudClass, cloudWorkload } from './scenarios/cloud-pods.ts';
import { gcpClass } from './scenarios/gcp.ts';

describe('the clouds of the benchmark, all of them at once', requires('fakekube'), () => {
  const issuer = createTokenIssuer();
  let kube: FakeKube;
  let clouds: Clouds;
  let keymount: Keymount;

  before(async () => {
    kube = await startFakeKube(issuer);
    clouds = createClouds(issuer, kube);
    const started = await Promise.all(cloudNames.map((name) => clouds.get(name)));
    const env = Object.assign({}, ...started.map(({ environment }: Cloud) => environment)) as Record<string, string>;
    keymount = await startKeymount({ env, args: ['--kubeconfig', kube.kubeconfig] });
  });
  after(async () => {
    await keymount.stop();
    await Promise.all([clouds.stop(), kube.stop()]);
  });

  /** A Mount of a pod of `account` with the class of `owner`. */
  async function mountAs(theClass: CloudClass, account: string, owner = account) {
    const { dialect, audiences = [] } = theClass;
    const pod = aPod({ namespace, serviceAccount: account });
    const parameters = firstClass({ ...cloudWorkload(theClass, 1), serviceAccount: owner });
    const request = driverRequest({ parameters, pod, tokens: podTokens(issuer, pod, [...audiences]) });
    return await mount(keymount.socket(dialect), request.attributes, { secrets: request.secrets });
  }

  for (const theClass of [awsClass, gcpClass, azureClass]) {
    const { dialect } = theClass;
    const countsOf = async () => {
      const { body } = await requestJson(`http://${(await clouds.get(dialect)).counters}/counts`);
      const { total, status } = body as { total: number; status: Record<string, number> };
      return { total, exchanges: status['exchanges'] ?? 0, reads: status['reads'] ?? 0 };
    };

    it(`give the pods of ${dialect} the objects of their ServiceAccount, and count what that took`, async () => {
      // the metadata of the node is read with the first Mount
      await mountAs(theClass, 'app-1');
      for (const account of ['web', 'app-0', accountOf(batches - 1, `${batch - 1}`)]) {
        const { total, exchanges, reads } = await countsOf();
        const files = Object.values(texts(await mountAs(theClass, account)));
        assert.deepEqual(
          files,
          [0, 1, 2].map((object) => contentOf(account, object)),
        );
        assert.deepEqual(await countsOf(), { total: total + 4, exchanges: exchanges + 1, reads: reads + 3 });
      }
    });
  }

  for (const theClass of [awsClass, gcpClass]) {
    it(`give a pod of ${theClass.dialect} nothing of another ServiceAccount`, async () => {
      assert.equal(refused(await mountAs(theClass, 'app-2', 'app-3')).code, 'PERMISSION_DENIED');
    });
  }

  it('give a pod of azure nothing with the identity of another ServiceAccount', async () => {
    await kube.annotate(namespace, 'thief', (await clouds.get('azure')).annotations['app-3'] ?? {});
    assert.match(refused(await mountAs(azureClass, 'thief', 'app-3')).message, /AADSTS700213/);
  });
});

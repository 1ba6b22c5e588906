import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { type AwsCloud, startAwsCloud } from '../lab/aws-cloud.ts';
import { driverRequest } from '../lab/driver-attributes.ts';
import { type FakeKube, startFakeKube } from '../lab/fakekube.ts';
import { type MountFailure, type MountReply, openClient, type ProviderClient } from '../lab/grpc-client.ts';
import { type Keymount, startKeymount } from '../lab/keymount.ts';
import { aPod, type Pod } from '../lab/pod.ts';
import { podTokens } from '../lab/pod-token.ts';
import { requires } from '../lab/tools.ts';
import { issuer } from './aws-lab.ts';

const region = 'eu-west-1';
const role = 'arn:aws:iam::123456789012:role/web';
const objects = `
- { objectName: prod/db, objectType: secretsmanager }
- { objectName: prod/stripe, objectType: secretsmanager }
- { objectName: /prod/license, objectType: ssmparameter }
`;
const audiences = ['sts.amazonaws.com', 'pods.eks.amazonaws.com'];

describe('pods on aws.sock', requires('fakekube'), () => {
  let kube: FakeKube;
  let cloud: AwsCloud;
  let keymount: Keymount;
  let client: ProviderClient;

  before(async () => {
    [kube, cloud] = await Promise.all([startFakeKube(issuer), startAwsCloud(issuer)]);
    for (const name of ['web', 'api']) {
      await kube.annotate('shop', name, { 'eks.amazonaws.com/role-arn': role });
      cloud.trusts.set(role, [...(cloud.trusts.get(role) ?? []), `system:serviceaccount:shop:${name}`]);
    }
    cloud.associations.set('shop/web', role);
    cloud.allowed.set(role, ['secretsmanager:GetSecretValue *', 'ssm:GetParameters *']);
    for (const name of ['prod/db', 'prod/stripe']) cloud.stores.putSecret(region, name, `value of ${name}`);
    cloud.stores.putParameter(region, '/prod/license', 'value of /prod/license');
    keymount = await startKeymount({
      env: { AWS_ENDPOINT_URL: cloud.address, KEYMOUNT_AWS_POD_IDENTITY_ENDPOINT: cloud.address },
      args: ['--kubeconfig', kube.kubeconfig],
    });
    client = openClient(keymount.socket('aws'));
  });
  beforeEach(async () => {
    cloud.requests.length = 0;
    await kube.reset();
  });
  after(async () => {
    client.close();
    await Promise.all([keymount.stop(), kube.stop(), cloud.close()]);
  });

  async function mount(pod: Pod, more: Record<string, string> = {}, showing = pod): Promise<MountReply | MountFailure> {
    const tokens = podTokens(issuer, showing, audiences);
    const { attributes, secrets } = driverRequest({ parameters: { region, objects, ...more }, pod, tokens });
    return await client.mount(attributes, { secrets });
  }

  it('of one ServiceAccount share one login and one read of each object, however often they are asked for', async () => {
    const pods = Array.from({ length: 50 }, () => aPod());
    for (let round = 0; round < 10; round++) {
      for (const reply of await Promise.all(pods.map((pod) => mount(pod)))) {
        assert.ok('files' in reply, JSON.stringify(reply));
        assert.deepEqual(
          reply.files.map(({ path, contents }) => `${path}: ${contents}`),
          ['prod_db: value of prod/db', 'prod_stripe: value of prod/stripe', '_prod_license: value of /prod/license'],
        );
      }
    }
    assert.deepEqual(
      ['AssumeRoleWithWebIdentity', 'GetSecretValue', 'GetParameters', ''].map((what) => cloud.count(what)),
      [1, 2, 1, 4],
    );
    const asked = Object.entries(await kube.requests()).filter(([line]) => line.includes('serviceaccounts/web'));
    assert.deepEqual(asked, [['GET /api/v1/namespaces/shop/serviceaccounts/web', 1]]);
    assert.equal(Object.keys(await kube.requests()).filter((line) => line.includes('/secrets/')).length, 0);
  });

  it('of another ServiceAccount with the same role share nothing of it', async () => {
    assert.ok('files' in (await mount(aPod({ serviceAccount: 'api' }))));
    assert.deepEqual([cloud.count('AssumeRole'), cloud.count('GetSecretValue')], [1, 2]);
  });

  it('that show the token of another pod get nothing that is remembered', async () => {
    await mount(aPod());
    cloud.requests.length = 0;
    const reply = await mount(aPod(), {}, aPod({ serviceAccount: 'thief' }));
    assert.ok('message' in reply, 'it was answered');
    assert.match(reply.message, /STS refused ServiceAccount shop\/web assuming/);
    assert.equal(cloud.count('Get'), 0);
  });

  it('with EKS Pod Identity log in each on its own, once', async () => {
    const pods = [aPod(), aPod()];
    for (const pod of [...pods, ...pods]) {
      assert.ok('files' in (await mount(pod, { usePodIdentity: 'true' })));
    }
    assert.deepEqual([cloud.count('PodIdentity'), cloud.count('GetSecretValue'), cloud.count('AssumeRole')], [2, 4, 0]);
    assert.equal(Object.keys(await kube.requests()).filter((line) => line.includes('serviceaccounts')).length, 0);
  });

  it('read a pinned version once, and what moves at every Mount if the class says so', async () => {
    const id = cloud.stores.putSecret(region, 'pinned', 'v1');
    const some = `[{objectName: pinned, objectType: secretsmanager, objectVersion: ${id}}, {objectName: prod/db, objectType: secretsmanager}]`;
    for (const _ of [1, 2, 3]) assert.ok('files' in (await mount(aPod(), { objects: some, refreshInterval: '0' })));
    assert.deepEqual(
      [cloud.count(`GetSecretValue ${region} pinned`), cloud.count(`GetSecretValue ${region} prod/db`)],
      [1, 3],
    );
  });

  it('log in anew when their credentials are known no more, once for all', async () => {
    const more = { refreshInterval: '0', failoverRegion: 'eu-central-1' };
    await mount(aPod(), more);
    cloud.revokeAll();
    cloud.requests.length = 0;
    const replies = await Promise.all(Array.from({ length: 20 }, () => mount(aPod(), more)));
    for (const reply of replies) assert.ok('files' in reply, JSON.stringify(reply));
    assert.equal(cloud.count('AssumeRole'), 1);
  });

  it('hold no more connections than there are requests in flight', async () => {
    await Promise.all(
      Array.from({ length: 200 }, (_, index) => mount(aPod(), { refreshInterval: '0', staleOnError: `${index + 1}s` })),
    );
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.ok(cloud.sockets() <= 16 + 2, `${cloud.sockets()} sockets`);
  });
});

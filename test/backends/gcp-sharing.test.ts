import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { driverRequest } from '../lab/driver-attributes.ts';
import { type FakeKube, startFakeKube } from '../lab/fakekube.ts';
import { type GcpCloud, startGcpCloud } from '../lab/gcp-cloud.ts';
import { type MountFailure, type MountReply, openClient, type ProviderClient } from '../lab/grpc-client.ts';
import { type Keymount, type SocketName, startKeymount } from '../lab/keymount.ts';
import { aPod, type Pod } from '../lab/pod.ts';
import { podTokens } from '../lab/pod-token.ts';
import { requires } from '../lab/tools.ts';
import { clusterMetadata, issuer, pool, poolAudience } from './gcp-lab.ts';

const names = ['db', 'stripe', 'license'];
const secrets = names.map(
  (name) => `- {resourceName: projects/shop-prod/secrets/${name}/versions/latest, path: ${name}}`,
);
const parameters = { secrets: secrets.join('\n') };

describe('pods of one ServiceAccount on gcp.sock and gke.sock', requires('fakekube'), () => {
  let kube: FakeKube;
  let cloud: GcpCloud;
  let keymount: Keymount;
  let client: ProviderClient;

  before(async () => {
    [kube, cloud] = await Promise.all([startFakeKube(issuer), startGcpCloud(issuer, poolAudience)]);
    for (const [path, text] of Object.entries(clusterMetadata)) cloud.metadata.set(path, text);
    for (const name of names) {
      cloud.secrets.set(`projects/shop-prod/secrets/${name}`, { versions: [`value of ${name}`] });
    }
    const env = {
      KEYMOUNT_GCP_ENDPOINT: cloud.endpoint,
      GAIA_TOKEN_EXCHANGE_ENDPOINT: `${cloud.address}/token`,
      GCE_METADATA_HOST: cloud.address.slice('http://'.length),
      KEYMOUNT_GCP_PROVIDER_IDENTITY: 'ops/*',
    };
    keymount = await startKeymount({ env, args: ['--kubeconfig', kube.kubeconfig] });
    client = openClient(keymount.socket('gcp' as SocketName));
  });
  after(async () => {
    client.close();
    await Promise.all([keymount.stop(), kube.stop(), cloud.close()]);
  });

  async function mount(pod: Pod, more: Record<string, string> = {}, at = client): Promise<MountReply | MountFailure> {
    const tokens = podTokens(issuer, pod, [pool]);
    const { attributes, secrets } = driverRequest({ parameters: { ...parameters, ...more }, pod, tokens });
    return await at.mount(attributes, { secrets });
  }

  it('share one login and one read of each secret, however often they are asked for', async () => {
    const pods = Array.from({ length: 50 }, () => aPod());
    for (let round = 0; round < 10; round++) {
      const replies = await Promise.all(pods.map((pod) => mount(pod)));
      for (const reply of replies) {
        assert.ok('files' in reply, JSON.stringify(reply));
        assert.deepEqual(
          reply.files.map(({ contents }) => contents.toString()),
          names.map((name) => `value of ${name}`),
        );
        assert.deepEqual(reply.versions[0], {
          id: 'projects/shop-prod/secrets/db/versions/latest',
          version: 'projects/shop-prod/secrets/db/versions/1',
        });
      }
    }
    assert.deepEqual([cloud.count('exchange'), cloud.count('access'), cloud.count('metadata')], [1, 3, 3]);
  });

  it('share with nobody else', async () => {
    await mount(aPod());
    const before = cloud.count('exchange');
    assert.ok('files' in (await mount(aPod({ serviceAccount: 'other' }))));
    assert.ok('files' in (await mount(aPod({ namespace: 'bank' }))));
    assert.equal(cloud.count('exchange'), before + 2);
  });

  it('get what the token they show may have, not what is remembered, when it is another pod’s', async () => {
    const mine = aPod();
    const theirs = aPod({ namespace: 'bank', serviceAccount: 'vault' });
    await mount(theirs);
    const tokens = podTokens(issuer, theirs, [pool]);
    const { attributes, secrets } = driverRequest({ parameters, pod: mine, tokens });
    const before = cloud.count('exchange');
    const reply = await client.mount(attributes, { secrets });
    // Google Cloud decides for whom the token is; nothing that is remembered, of either pod, is given for it.
    assert.ok('files' in reply, JSON.stringify(reply));
    assert.equal(cloud.count('exchange'), before + 1);
    assert.equal(cloud.requests.at(-1)?.as, 'system:serviceaccount:bank:vault');
  });

  it('are answered in the same way on gke.sock', async () => {
    const gke = openClient(keymount.socket('gke' as SocketName));
    const reply = await mount(aPod(), {}, gke);
    gke.close();
    assert.ok('files' in reply, JSON.stringify(reply));
  });

  it('use keymount’s own identity only where the admin lists them', async () => {
    const auth = { auth: 'provider-adc' };
    cloud.metadata.set(
      'instance/service-accounts/default/token',
      JSON.stringify({ access_token: 'of-the-node', expires_in: 3600 }),
    );
    const refused = await mount(aPod(), auth);
    assert.ok('code' in refused);
    assert.equal(refused.code, 'PERMISSION_DENIED');
    assert.match(
      refused.message,
      /does not allow ServiceAccount shop\/web.*dropIn\.gcp\.providerIdentity \[connection-not-allowed\]/,
    );
    assert.equal(cloud.count('metadata instance/service-accounts'), 0);
    const listed = await mount(aPod({ namespace: 'ops' }), auth);
    assert.ok('message' in listed);
    assert.match(listed.message, /the token of the node's service account is not accepted/);
    assert.equal(cloud.count('metadata instance/service-accounts') > 0, true);
  });
});

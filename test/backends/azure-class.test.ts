import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, beforeEach, describe, it } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { driverRequest, type Publish } from '../lab/driver-attributes.ts';
import { type FakeKube, startFakeKube } from '../lab/fakekube.ts';
import { type MountFailure, type MountReply, openClient, type ProviderClient } from '../lab/grpc-client.ts';
import { type Keymount, startKeymount } from '../lab/keymount.ts';
import { aPod, type Pod } from '../lab/pod.ts';
import { podTokens } from '../lab/pod-token.ts';
import { requires } from '../lab/tools.ts';
import { type AzureLab, app, audience, client as clientId, issuer, startAzureLab, tenant } from './azure-lab.ts';
import { startTunnel, type Tunnel } from './azure-tunnel.ts';

const hosts = 'DNS:shop-kv.vault.azure.net,DNS:other-kv.vault.azure.net,DNS:login.microsoftonline.com,IP:127.0.0.1';
const names = ['db', 'stripe', 'license'];
const objectsOf = (...all: string[]) => `array:\n${all.map((one) => `- "${one}"\n`).join('')}`;
const parameters = {
  keyvaultName: 'shop-kv',
  tenantID: tenant,
  clientID: clientId,
  objects: objectsOf(...names.map((name) => `{objectName: ${name}, objectType: secret}`)),
};

describe('pods on azure.sock, with the public names of Azure', requires('fakekube'), () => {
  let kube: FakeKube;
  let lab: AzureLab;
  let tunnel: Tunnel;
  let keymount: Keymount;
  let client: ProviderClient;

  before(async () => {
    [kube, lab] = await Promise.all([startFakeKube(issuer), startAzureLab(hosts)]);
    tunnel = await startTunnel(lab.address);
    for (const name of names)
      lab.vault.put(`secrets/${name}`, { id: `${name}1`, fields: { value: `value of ${name}` } });
    const env = {
      KEYMOUNT_AZURE_PROXY: tunnel.address,
      KEYMOUNT_AZURE_CA: lab.caFile,
      KEYMOUNT_AZURE_MANAGED_IDENTITY: 'ops/*',
      AZURE_POD_IDENTITY_AUTHORITY_HOST: lab.metadata,
    };
    keymount = await startKeymount({ env, args: ['--kubeconfig', kube.kubeconfig] });
    client = openClient(keymount.socket('azure'));
  });
  beforeEach(() => {
    lab.entra.asked.length = 0;
    lab.vault.asked.length = 0;
    lab.metadataAsked.length = 0;
  });
  after(async () => {
    client.close();
    await Promise.all([keymount.stop(), kube.stop(), tunnel.close(), lab.close()]);
  });

  async function mount(pod: Pod, more: Record<string, string> = {}, rest: Partial<Publish> = {}) {
    const tokens = podTokens(issuer, pod, [audience]);
    const request = driverRequest({ parameters: { ...parameters, ...more }, pod, tokens, ...rest });
    return await client.mount(request.attributes, { secrets: request.secrets });
  }
  const filesOf = (reply: MountReply | MountFailure) => {
    assert.ok('files' in reply, JSON.stringify(reply));
    return Object.fromEntries(reply.files.map(({ path, contents }) => [path, contents.toString()]));
  };
  const failureOf = (reply: MountReply | MountFailure) => {
    assert.ok(!('files' in reply), 'the Mount did not fail');
    return JSON.stringify(reply);
  };

  it('share one login and one read of each object, however often they are asked for', async () => {
    const pods = Array.from({ length: 50 }, () => aPod());
    for (let round = 0; round < 10; round++) {
      for (const reply of await Promise.all(pods.map((pod) => mount(pod)))) {
        assert.deepEqual(filesOf(reply), Object.fromEntries(names.map((name) => [name, `value of ${name}`])));
        assert.ok('versions' in reply);
        assert.deepEqual(reply.versions[0], { id: 'secret/db', version: 'db1' });
      }
    }
    assert.deepEqual([lab.entra.asked.length, lab.vault.asked.length], [1, 3]);
    assert.deepEqual([...new Set(tunnel.asked)].sort(), [
      'login.microsoftonline.com:443',
      'shop-kv.vault.azure.net:443',
    ]);
  });

  it('share the login among classes of several vaults', async () => {
    filesOf(await mount(aPod(), { keyvaultName: 'Other-KV' }));
    assert.deepEqual([lab.entra.asked.length, lab.vault.asked.length], [0, 3]);
  });

  it('share nothing with another ServiceAccount, not even by showing its token', async () => {
    const other = aPod({ namespace: 'bank' });
    assert.match(failureOf(await mount(other)), /AADSTS700213.*system:serviceaccount:bank:web/);
    const mine = aPod();
    const theirs = podTokens(issuer, other, [audience]);
    assert.match(failureOf(await mount(mine, {}, { tokens: theirs })), /AADSTS700213/);
    assert.equal(lab.vault.asked.length, 0);
  });

  it('are refused without a token of the driver, as with the Go provider', async () => {
    const failure = failureOf(await mount(aPod({ serviceAccount: 'tokenless' }), {}, { tokens: undefined }));
    assert.match(failure, /api:\/\/AzureADTokenExchange.*tokenRequests/);
  });

  it('use the identity of the node where the admin lists them, and nowhere else', async () => {
    const node = { clientID: '', useVMManagedIdentity: 'true' };
    filesOf(await mount(aPod({ namespace: 'ops' }), node));
    assert.equal(lab.metadataAsked.length, 1);
    const refused = failureOf(await mount(aPod(), node));
    assert.match(refused, /does not allow ServiceAccount shop\/web.*dropIn\.azure\.managedIdentity/);
    assert.equal(lab.metadataAsked.length, 1);
  });

  it('come with a service principal in the Secret of nodePublishSecretRef', async () => {
    const nodePublishSecret = { clientid: clientId, clientsecret: app.secret };
    const reply = await mount(aPod({ namespace: 'bank' }), { clientID: '' }, { nodePublishSecret });
    assert.equal(filesOf(reply)['db'], 'value of db');
  });

  it('see a changed secret after the next refresh, under its new version', async () => {
    const objects = objectsOf('{objectName: rotating, objectType: secret, refreshInterval: 0}');
    lab.vault.put('secrets/rotating', { id: 'r1', fields: { value: 'old' } });
    const pod = aPod();
    assert.equal(filesOf(await mount(pod, { objects }))['rotating'], 'old');
    lab.vault.put('secrets/rotating', { id: 'r2', fields: { value: 'new' } });
    const reply = await mount(pod, { objects });
    assert.equal(filesOf(reply)['rotating'], 'new');
    assert.ok('versions' in reply);
    assert.equal(reply.versions[0]?.version, 'r2');
  });

  it('get a new token when the vault does not accept theirs any more', async () => {
    const objects = objectsOf('{objectName: db, objectType: secret, refreshInterval: 0}');
    const pod = aPod();
    filesOf(await mount(pod, { objects }));
    lab.entra.tokens.clear();
    lab.entra.asked.length = 0;
    assert.equal(filesOf(await mount(pod, { objects }))['db'], 'value of db');
    assert.equal(lab.entra.asked.length, 1);
  });

  it('mount the example of the manifests with the identity of the ServiceAccount’s annotations', async () => {
    const text = readFileSync(
      new URL('../../manifests/examples/azure/secretproviderclass.yaml', import.meta.url),
      'utf8',
    );
    const [example] = parseAllDocuments(text).map((document) => document.toJS());
    lab.vault.put('secrets/db-password', { created: 1, fields: { value: 'older' } });
    lab.vault.put('secrets/db-password', { created: 2, fields: { value: 'newer' } });
    lab.vault.put('secrets/web-tls', { fields: { value: 'a value' } });
    const annotations = { 'azure.workload.identity/client-id': clientId, 'azure.workload.identity/tenant-id': tenant };
    await kube.annotate('shop', 'annotated', annotations);
    const federation = { ...app.federation, subject: 'system:serviceaccount:shop:annotated' };
    lab.entra.apps.push({ ...app, federation });
    const pod = aPod({ serviceAccount: 'annotated' });
    const tokens = podTokens(issuer, pod, [audience]);
    const { attributes, secrets } = driverRequest({ parameters: example.spec.parameters, pod, tokens });
    assert.deepEqual(filesOf(await client.mount(attributes, { secrets })), {
      'db-password': 'newer',
      'tls/web.pem': 'a value',
      'history/0': 'newer',
      'history/1': 'older',
    });
  });

  it('get a secret that has expired, and the log says so once', async () => {
    const exp = Math.floor(Date.now() / 1000) - 60;
    lab.vault.put('secrets/worn', { exp, fields: { value: 'worn out' } });
    const objects = objectsOf('{objectName: worn, objectType: secret, refreshInterval: 0}');
    for (let i = 0; i < 3; i++) assert.equal(filesOf(await mount(aPod(), { objects }))['worn'], 'worn out');
    const said = keymount.child
      .output()
      .split('\n')
      .filter((line) => line.includes('"secret-warning"'));
    assert.equal(said.length, 1);
    assert.match(said[0] ?? '', /"namespace":"shop".*secret worn has expired at 20/);
  });

  it('leave no secret and no token in the log', async () => {
    const tokens = [...lab.entra.tokens.keys()].map((token) => token.slice(-40));
    assert.ok(tokens.length > 0);
    const log = keymount.child.output();
    for (const secret of ['value of db', app.secret, ...tokens]) assert.ok(!log.includes(secret));
  });
});

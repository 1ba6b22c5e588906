import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Child } from '../lab/child-process.ts';
import type { OpenBao } from '../lab/openbao.ts';
import { kubernetesRole } from '../lab/openbao-auth.ts';
import { requires } from '../lab/tools.ts';
import { type Cluster, eventually, startCluster } from './cluster.ts';
import { installRights, startKeymount } from './keymount.ts';
import { type ClusterBao, startClusterBao } from './openbao.ts';
import { missingParts } from './parts.ts';
import { type ClassText, deployment, namespace, objects, secretProviderClass, serviceAccount } from './workload.ts';

const missing = missingParts();
if (missing.length > 0 && process.env['CI']) throw new Error(`this machine lacks ${missing.join('; ')}`);
const skip = missing.length > 0 ? `this machine lacks ${missing.join('; ')}` : requires('bao').skip;

const app: ClassText = { name: 'app', secretName: 'db-credentials' };

/** Classes with one mistake each, and what the event must say to the person who has to correct it. */
const wrong: (ClassText & { mistake: string; says: RegExp[] })[] = [
  { name: 'no-role', mistake: 'names no role', roleName: undefined, says: [/roleName/] },
  {
    name: 'unknown-role',
    mistake: 'names a role that OpenBao does not have',
    roleName: 'ap-role',
    says: [/ap-role/, /invalid role name/],
  },
  {
    name: 'no-data',
    mistake: 'leaves /data/ out of a path of KV version 2',
    objects: objects.replaceAll('secret/data/', 'secret/'),
    says: [/db-username|objects\[0\]/, /secret\/data\/database\/config/],
  },
  {
    name: 'no-key',
    mistake: 'asks for a key that the secret does not have',
    objects: objects.replace('"password"', '"pasword"'),
    says: [/db-password|objects\[1\]/, /pasword/, /password/],
  },
  {
    name: 'denied',
    mistake: 'reads a path that its policy does not allow',
    objects: objects.replaceAll('database/config', 'billing/config'),
    says: [/db-username|objects\[0\]/, /secret\/data\/billing\/config/, /permission denied/, /polic/],
  },
  {
    name: 'misspelt',
    mistake: 'misspells a field of an object',
    objects: objects.replace('secretPath', 'secretpath'),
    says: [/objects\[0\]/, /secretpath/, /secretPath/],
  },
];

describe('keymount on a Kubernetes node', { skip, timeout: 300_000 }, () => {
  let cluster: Cluster;
  let bao: ClusterBao | undefined;
  let keymount: Child | undefined;
  let pod: string;

  const kubectl = (...args: string[]) => cluster.kubectl('-n', namespace, ...args);
  const inPod = (command: string) => kubectl('exec', pod, '--', 'sh', '-c', command);

  before(async () => {
    cluster = await startCluster();
    bao = await startClusterBao(cluster);
    await Promise.all([fill(bao), installRights(cluster)]);
    keymount = await startKeymount(cluster, bao);
    await cluster.apply(
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: serviceAccount, namespace } },
      ...[app, ...wrong].flatMap((text) => [secretProviderClass(bao?.tlsAddress ?? '', text), deployment(text)]),
    );
    pod = await podOf('app');
    await kubectl('wait', '--for=condition=Ready', `pod/${pod}`, '--timeout=60s').catch(async () => {
      throw new Error(`the pod is not ready: ${await failedMount('app')}\n${keymount?.output()}`);
    });
  });

  after(async () => {
    await keymount?.stop();
    await bao?.stop();
    await cluster?.stop();
  });

  const podOf = (name: string) =>
    kubectl('get', 'pod', '-l', `app=${name}`, '-o', 'jsonpath={.items[0].metadata.name}');

  it('gives a pod the files of its class', async () => {
    assert.equal(await kubectl('logs', pod), '/secrets/db-password: first\n/secrets/db-username: shop\n');
  });

  it('lets the driver make a Kubernetes Secret of the files for the environment of the pod', async () => {
    assert.equal(await inPod('echo "$USERNAME $PASSWORD"'), 'shop first\n');
  });

  for (const { name, mistake, says } of wrong) {
    it(`tells in an event of the pod what to correct in a class that ${mistake}`, async () => {
      const event = await eventually(`FailedMount event of ${name}`, 30, () => failedMount(name));
      for (const words of says) assert.match(event, words);
    });
  }

  it('brings a secret that changed in OpenBao to the running pod', async () => {
    await bao?.putKv2('database/config', { username: 'shop', password: 'second' });
    await eventually('new password in the pod', 100, async () =>
      (await inPod('cat /secrets/db-password')) === 'second' ? true : undefined,
    );
    const secret = await eventually('new password in the Kubernetes Secret', 30, async () => {
      const text = await kubectl('get', 'secret', 'db-credentials', '-o', 'jsonpath={.data.password}');
      return Buffer.from(text, 'base64').toString() === 'second' ? text : undefined;
    });
    assert.ok(secret);
  });

  /** The texts of a pod's FailedMount events. */
  async function failedMount(name: string): Promise<string | undefined> {
    const selector = `reason=FailedMount,involvedObject.name=${await podOf(name)}`;
    const events = await kubectl('get', 'events', '--field-selector', selector, '-o', 'jsonpath={.items[*].message}');
    return events === '' ? undefined : events;
  }
});

/** The secret that the classes read, and a role that may read it and nothing else. */
async function fill(bao: OpenBao): Promise<void> {
  await bao.putKv2('database/config', { username: 'shop', password: 'first' });
  await bao.putKv2('billing/config', { username: 'billing', password: 'other' });
  await bao.policy('app', 'path "secret/data/database/*" { capabilities = ["read"] }');
  await kubernetesRole(bao, {
    name: 'app-role',
    policies: ['app'],
    more: { bound_service_account_names: [serviceAccount], bound_service_account_namespaces: [namespace] },
  });
}

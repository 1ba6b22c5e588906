import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Child } from '../lab/child-process.ts';
import { requires } from '../lab/tools.ts';
import { type Cluster, eventually, startCluster } from './cluster.ts';
import { installRights, startKeymount } from './keymount.ts';
import { type ClusterBao, startClusterBao } from './openbao.ts';
import { missingParts } from './parts.ts';
import { fill, passwords } from './secrets.ts';
import { type ClassText, deployment, namespace, objects, secretProviderClass, surroundings } from './workload.ts';

const missing = missingParts();
if (missing && process.env['CI']) throw new Error(`this machine lacks ${missing}`);
const skip = missing ? `this machine lacks ${missing}` : requires('bao').skip;

const app: ClassText = { name: 'app', secretName: 'db-credentials' };

/** Classes with one mistake each, and what the event must say to the person who has to correct it. */
const wrong: (ClassText & { mistake: string; says: RegExp })[] = [
  {
    name: 'no-role',
    mistake: 'names no role',
    roleName: undefined,
    says: /InvalidArgument desc = parameters\.roleName: is missing/,
  },
  {
    name: 'unknown-role',
    mistake: 'names a role that OpenBao does not have',
    roleName: 'ap-role',
    says: /objects\[0\] "db-username" .*invalid role name "ap-role"; check that role "ap-role" exists at auth\/kubernetes/,
  },
  {
    name: 'no-data',
    mistake: 'leaves /data/ out of a path of KV version 2',
    objects: objects.replaceAll('secret/data/', 'secret/'),
    says: /objects\[0\] "db-username" .*403.*did you mean secret\/data\/database\/config\?/,
  },
  {
    name: 'no-key',
    mistake: 'asks for a key that the secret does not have',
    objects: objects.replace('"password"', '"pasword"'),
    says: /NotFound desc = objects\[1\] "db-password" .*no key "pasword" .*it has "password", "username"/,
  },
  {
    name: 'denied',
    mistake: 'reads a path that its policy does not allow',
    objects: objects.replaceAll('database/config', 'billing/config'),
    says: /PermissionDenied desc = objects\[0\] "db-username" .*403.*needs: path "secret\/data\/billing\/config" \{ capabilities = \["read"\] \}/,
  },
  {
    name: 'misspelt',
    mistake: 'misspells a field of an object',
    objects: objects.replace('secretPath', 'secretpath'),
    says: /objects\[0\]\.secretpath "db-username" \(line 3\): is not a known field; did you mean secretPath\?/,
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
      ...surroundings,
      ...[app, ...wrong].flatMap((text) => [secretProviderClass(bao?.tlsAddress ?? '', text), deployment(text)]),
    );
    pod = await podOf('app');
    await kubectl('wait', '--for=condition=Ready', `pod/${pod}`, '--timeout=60s').catch(async () => {
      throw new Error(`the pod is not ready: ${await failedMount('app')}\n${keymount?.output().slice(-3000)}`);
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
    assert.equal(await kubectl('logs', pod), `/secrets/db-password: ${passwords.first}\n/secrets/db-username: shop\n`);
  });

  it('lets the driver make a Kubernetes Secret of the files for the environment of the pod', async () => {
    assert.equal(await inPod('echo "$USERNAME $PASSWORD"'), `shop ${passwords.first}\n`);
  });

  for (const { name, mistake, says } of wrong) {
    it(`tells in an event of the pod what to correct in a class that ${mistake}`, async () => {
      const event = await eventually(`FailedMount event of ${name}`, 30, () => failedMount(name));
      assert.match(event, says);
    });
  }

  it('brings a secret that changed in OpenBao to the running pod', async () => {
    await bao?.putKv2('database/config', { username: 'shop', password: passwords.second });
    await eventually('new password in the pod', 100, async () =>
      (await inPod('cat /secrets/db-password')) === passwords.second ? true : undefined,
    );
    await eventually('new password in the Kubernetes Secret', 30, async () => {
      const text = await kubectl('get', 'secret', 'db-credentials', '-o', 'jsonpath={.data.password}');
      return Buffer.from(text, 'base64').toString() === passwords.second ? true : undefined;
    });
  });

  it('has the keys of the cluster to prove by who a pod is', () => {
    assert.deepEqual(keymount?.output().match(/.*"jwks-unavailable".*/g) ?? [], []);
  });

  it('logs no secret', () => {
    const log = keymount?.output() ?? '';
    assert.match(log, /"event":"mount"/);
    for (const password of Object.values(passwords)) assert.ok(!log.includes(password));
  });

  /** The texts of a pod's FailedMount events. */
  async function failedMount(name: string): Promise<string | undefined> {
    const selector = `reason=FailedMount,involvedObject.name=${await podOf(name)}`;
    const events = await kubectl('get', 'events', '--field-selector', selector, '-o', 'jsonpath={.items[*].message}');
    return events === '' ? undefined : events;
  }
});

import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { kubernetesRole } from '../lab/openbao-auth.ts';
import { requires } from '../lab/tools.ts';
import { enablePki } from '../leases/lab.ts';
import { type Cluster, eventually, type KubeObject, startCluster } from './cluster.ts';
import { busybox, untilAsked } from './credential-pod.ts';
import { installGoProvider, providersDirs } from './go-provider.ts';
import { loadImage, missingBases } from './image.ts';
import { readOnNode } from './node.ts';
import { type ClusterBao, startClusterBao } from './openbao.ts';
import { type PageCommands, pageCommands } from './page-commands.ts';
import { missingParts } from './parts.ts';
import { secretProviderClass } from './workload.ts';

const missing = missingParts() ?? missingBases();
if (missing && process.env['CI']) throw new Error(`this machine lacks ${missing}`);
const skip = missing ? `this machine lacks ${missing}` : requires('bao', 'goprovider').skip;

const password = 'kept-in-openbao';
const objects = `
- objectName: "db-password"
  secretPath: "secret/data/shop/db"
  secretKey: "password"
- objectName: "tls.crt"
  secretPath: "pki/issue/leased"
  method: "PUT"
  secretArgs: {common_name: "web.shop.svc", ttl: "12h"}
  secretKey: "certificate"
`;

/** A pod of the class `web`, which goes on until it is asked to end. */
function webPod(name: string): KubeObject {
  const volume = {
    driver: 'secrets-store.csi.k8s.io',
    readOnly: true,
    volumeAttributes: { secretProviderClass: 'web' },
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop' },
    spec: {
      serviceAccountName: 'web',
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 0,
      containers: [
        {
          name: 'app',
          ...busybox,
          command: ['sh', '-c', untilAsked],
          volumeMounts: [{ name: 'secrets', mountPath: '/secrets' }],
        },
      ],
      volumes: [{ name: 'secrets', csi: volume }],
    },
  };
}

describe('docs/migration.md, followed', { skip, timeout: 900_000 }, () => {
  let cluster: Cluster;
  let bao: ClusterBao;
  let page: PageCommands;

  before(async () => {
    cluster = await startCluster(24);
    bao = await startClusterBao(cluster);
    await loadImage(cluster);
    await bao.putKv2('shop/db', { password });
    await enablePki(bao);
    await bao.policy(
      'web',
      'path "secret/data/shop/*" { capabilities = ["read"] }\npath "pki/issue/*" { capabilities = ["update"] }',
    );
    await kubernetesRole(bao, { name: 'web', policies: ['web'] });
    const key = Buffer.alloc(32, 7).toString('base64');
    await cluster.apply(
      ...['shop', 'csi'].map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'web', namespace: 'shop' } },
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'vault-csi-provider-hmac-key', namespace: 'csi' },
        data: { key },
      },
      secretProviderClass(bao.tlsAddress, { name: 'web', roleName: 'web', objects }),
    );
    page = await pageCommands('docs/migration.md', cluster, bao);
  });

  after(async () => {
    await bao?.stop();
    await cluster?.stop();
  });

  const kubectl = (...args: string[]) => cluster.kubectl(...args);
  async function fileOf(pod: string, name: string): Promise<string | undefined> {
    const uid = await kubectl('-n', 'shop', 'get', 'pod', pod, '-o', 'jsonpath={.metadata.uid}');
    const mount = `/var/lib/kubelet/pods/${uid}/volumes/kubernetes.io~csi/secrets/mount`;
    return await readOnNode(cluster, `${mount}/${name}`).catch(() => undefined);
  }
  const untilFile = (pod: string, name: string, seconds: number) =>
    eventually(`${name} in pod ${pod}`, seconds, () => fileOf(pod, name));
  const untilReady = (pod: string, seconds: number) =>
    kubectl('-n', 'shop', 'wait', '--for=condition=Ready', `pod/${pod}`, `--timeout=${seconds}s`);
  const removePod = (pod: string) => kubectl('-n', 'shop', 'delete', 'pod', pod, '--ignore-not-found', '--wait=true');

  /** The old provider serves again, as after an installation: the driver is restarted. */
  async function withGo(dir: string): Promise<void> {
    await installGoProvider(cluster, dir);
    await cluster.restartDriver();
  }

  /** Takes keymount away as the page says. */
  async function goBack(): Promise<void> {
    await page.step('back');
  }

  /** Nothing is left of a test. The pods first: without a provider the driver holds each of their volumes for two minutes. */
  async function clear(): Promise<void> {
    await Promise.all([removePod('old'), removePod('fresh')]);
    await goBack();
  }

  /** Seconds until a pod that begins now has its files. */
  async function secondsToStart(pod: string, limit: number): Promise<number> {
    const began = Date.now();
    await cluster.apply(webPod(pod));
    await untilReady(pod, limit);
    assert.equal(await fileOf(pod, 'db-password'), password);
    return (Date.now() - began) / 1000;
  }

  function tell(t: TestContext, what: string, seconds: number): void {
    t.diagnostic(`${what}: ${seconds.toFixed(1)} s`);
  }

  it('has the steps that are tested here, and its dry run tells what it issues', async () => {
    assert.deepEqual(page.steps, ['look', 'tokens', 'ready', 'change', 'see', 'takeover', 'back']);
    const told = await page.step('look');
    assert.match(told, /db-password +0644/);
    assert.match(told, /pki\/issue\/leased issued a credential for this run; it is ended now/);
    assert.match(await page.step('tokens'), /"audience":"vault"/);
    await page.step('ready');
  });

  for (const [where, dir] of Object.entries(providersDirs)) {
    it(`changes places in ${where} while a pod runs and one starts, and goes back`, async (t) => {
      await withGo(dir);
      await cluster.apply(webPod('old'));
      await untilReady('old', 60);
      assert.equal(await fileOf('old', 'who'), 'goprovider');
      let starting: Promise<number> | undefined;
      await page.step('change', (block) => {
        if (block.includes('delete daemonset')) starting = startAfterEnd();
        // observed afterwards
        starting?.catch(() => {});
      });
      tell(
        t,
        'the old provider has ended, the driver is restarted: a pod that began then has its files after',
        (await starting) ?? assert.fail(),
      );
      await untilFile('old', 'db-password', 60);
      assert.match(await page.step('see'), /mounts +\d+ answered/);
      const certificate = await untilFile('old', 'tls.crt', 10);

      await goBack();
      await withGo(dir);
      await untilFile('old', 'who', 60);

      // There again: what was issued the first time is in the files, for the state stayed.
      await page.step('change');
      await untilFile('old', 'db-password', 60);
      assert.equal(await fileOf('old', 'tls.crt'), certificate);
      await clear();
    });

    it(`changes places in ${where} without a restart of the driver, which takes its own time`, async (t) => {
      await withGo(dir);
      // The driver has a connection to the old provider.
      await cluster.apply(webPod('old'));
      await untilReady('old', 60);
      await page.step('change', (block) => (block.includes('apply') ? undefined : 'skip'));
      const began = Date.now();
      await kubectl('-n', 'csi', 'delete', 'daemonset', 'vault-csi-provider');
      const starting = startAfterEnd();
      await kubectl('-n', 'keymount', 'rollout', 'status', 'daemonset/keymount', '--timeout=120s');
      tell(t, 'the old provider is removed: keymount is ready after', (Date.now() - began) / 1000);
      tell(t, 'the old provider has ended: a pod that began then has its files after', await starting);
      await clear();
    });

    it(`takes over in ${where} while the old provider runs: its end takes the link, which is back within seconds`, async (t) => {
      await withGo(dir);
      await cluster.apply(webPod('old'));
      await untilReady('old', 60);
      let starting: Promise<number> | undefined;
      await page.step('takeover', (block) => {
        if (block.includes('delete daemonset')) starting = startAfterEnd();
        starting?.catch(() => {});
      });
      tell(
        t,
        'the old provider has ended: a pod that began then has its files after',
        (await starting) ?? assert.fail(),
      );
      await untilFile('old', 'db-password', 60);
      assert.match(await kubectl('-n', 'keymount', 'get', 'pods'), /keymount-\w+ +1\/1 +Running/);
      await clear();
    });
  }

  it('has keymount say that a link is gone, until a rollout makes it again', async () => {
    await page.step('change', (block) =>
      block.includes('delete daemonset') || block.includes('restart') ? 'skip' : undefined,
    );
    await rm(join(cluster.providers, 'vault.sock'));
    const isReady = (wanted: string) => async () => {
      const ready = await kubectl(
        '-n',
        'keymount',
        'get',
        'pods',
        '-o',
        'jsonpath={.items[*].status.containerStatuses[*].ready}',
      );
      return ready === wanted ? true : undefined;
    };
    await eventually('keymount that is not ready', 20, isReady('false'));
    const events = ['-n', 'keymount', 'get', 'events', '--field-selector', 'reason=LinkLost', '-o'];
    const event = await eventually('Event of the link', 20, async () => {
      const told = await kubectl(...events, 'jsonpath={.items[*].involvedObject.kind} {.items[*].message}');
      return told.trim() === '' ? undefined : told;
    });
    assert.match(
      event,
      /^Pod \/var\/run\/secrets-store-csi-providers\/vault\.sock is gone, .*rollout restart daemonset\/keymount/,
    );
    // What the event says.
    await kubectl('-n', 'keymount', 'rollout', 'restart', 'daemonset/keymount');
    await kubectl('-n', 'keymount', 'rollout', 'status', 'daemonset/keymount', '--timeout=60s');
    await eventually('keymount that is ready', 20, isReady('true'));
    await clear();
  });

  /** When the pod of the old provider is gone, a pod is started. */
  async function startAfterEnd(): Promise<number> {
    await eventually('end of the old provider', 60, async () => {
      const pods = await kubectl('-n', 'csi', 'get', 'pods', '-o', 'name');
      return pods === '' ? true : undefined;
    });
    return await secondsToStart('fresh', 150);
  }
});

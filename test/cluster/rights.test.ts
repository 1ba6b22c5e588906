import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Child } from '../lab/child-process.ts';
import { requires } from '../lab/tools.ts';
import { type Cluster, eventually, type KubeObject, startCluster } from './cluster.ts';
import { installRights, readManifest, startKeymount } from './keymount.ts';
import { type ClusterBao, startClusterBao } from './openbao.ts';
import { missingParts } from './parts.ts';
import { rulesIn } from './rules.ts';
import { fill, passwords } from './secrets.ts';
import { type ClassText, deployment, namespace, secretProviderClass, surroundings } from './workload.ts';

const missing = missingParts();
if (missing && process.env['CI']) throw new Error(`this machine lacks ${missing}`);
const skip = missing ? `this machine lacks ${missing}` : requires('bao').skip;

const plain: ClassText = { name: 'plain' };
/** Its certificate has a lease, of the pod's own token. */
const leased: ClassText = {
  name: 'leased',
  objects: `
- objectName: "tls.crt"
  secretPath: "pki/issue/web"
  method: "PUT"
  secretArgs: { common_name: "web.shop.svc" }
  secretKey: "certificate"
`,
};
const policy = `
path "secret/data/database/*" { capabilities = ["read"] }
path "pki/issue/web" { capabilities = ["update"] }
`;
const versionKey = 'vault-csi-provider-hmac-key';

/** keymount watches pods only where it finds itself among them: this stands for its own pod. */
const ownPod: KubeObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'own', namespace: 'keymount' },
  spec: {
    serviceAccountName: 'keymount',
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: 0,
    containers: [
      { name: 'own', image: 'localhost/busybox:local', imagePullPolicy: 'Never', command: ['sleep', '2147483647'] },
    ],
  },
};

describe('the rights that manifests/install.yaml gives keymount', { skip, timeout: 300_000 }, () => {
  let cluster: Cluster;
  let bao: ClusterBao;
  let keymount: Child | undefined;
  let starts = 0;

  before(async () => {
    cluster = await startCluster(19, { poll: '1s' });
    bao = await startClusterBao(cluster);
    await Promise.all([fill(bao).then(() => makePki()), installRights(cluster)]);
    await restart();
    await cluster.apply(
      ...[...surroundings, ownPod],
      ...[plain, leased].flatMap((text) => [secretProviderClass(bao.tlsAddress, text), deployment(text)]),
    );
  });

  after(async () => {
    await keymount?.stop();
    await bao?.stop();
    await cluster?.stop();
  });

  it('are each tested here', async () => {
    assert.deepEqual(rulesIn(await readManifest()), ['Role secrets: get', 'Role secrets: create', ...clusterRules]);
  });
  const clusterRules = ['ClusterRole events: create', 'ClusterRole pods: list, watch'];

  describe('with all rules', () => {
    it('the first keymount makes the key of the versions', async () => {
      await mounted(plain);
      assert.equal(lineOf({ event: 'version-key-created' })?.['secret'], `keymount/${versionKey}`);
      const key = await cluster.kubectl('-n', 'keymount', 'get', 'secret', versionKey, '-o', 'jsonpath={.data.key}');
      assert.equal(Buffer.from(key, 'base64').length, 32);
    });

    it('another keymount reads it', async () => {
      await restart();
      await mounted(plain);
      assert.equal(lineOf({ event: 'version-key-created' }), undefined);
    });

    it('a refresh that fails is an event of the pod', async () => {
      await failRefresh(async (pod) => {
        const [event = ''] = await eventually('event', 20, async () => nonEmpty(await rotationEvents(pod)));
        assert.match(event, /there is nothing at secret\/data\/database\/config.*\[secret-missing\]/);
      });
    });

    it('what was issued for a pod ends with it', async () => {
      const pod = await mounted(leased);
      const issued = await leases();
      await deletePod(pod);
      await eventually('revoked lease', 10, async () => {
        const left = await leases();
        return issued.some((id) => !left.includes(id)) ? true : undefined;
      });
      await eventually('line of the log', 5, async () => lineOf({ event: 'lease-revoked' }));
    });
  });

  it('without secrets: get, no pod gets a version of its objects, and so no files', async () => {
    await restart('Role secrets: get');
    const why = await failing(plain);
    assert.equal(why.code, 'version-key-unavailable');
    assert.match(why.text, /Secret keymount\/vault-csi-provider-hmac-key.*403 Forbidden.*cannot get resource/);
    assert.match(why.text, /allow keymount to get and create secrets in namespace keymount/);
  });

  it('without secrets: create, the key is read where it is, and not made where it is not', async () => {
    await restart('Role secrets: create');
    await mounted(plain);
    await cluster.kubectl('-n', 'keymount', 'delete', 'secret', versionKey);
    await restart('Role secrets: create');
    const why = await failing(plain);
    assert.equal(why.code, 'version-key-unavailable');
    assert.match(why.text, /Secret keymount\/vault-csi-provider-hmac-key.*403 Forbidden.*cannot create resource/);
  });

  it('without events: create, a refresh that fails is in the log alone', async () => {
    await restart('ClusterRole events: create');
    await failRefresh(async (pod) => {
      const before = await rotationEvents(pod);
      const off = await eventually('line of the log', 20, async () => lineOf({ event: 'events-off' }));
      assert.match(String(off['reason']), /403 Forbidden.*cannot create resource/);
      assert.equal((await failing(plain)).code, 'secret-missing');
      assert.deepEqual(await rotationEvents(pod), before);
    });
  });

  it('without pods: list, watch, what was issued for a pod stays, and the log says so', async () => {
    await restart('ClusterRole pods: list, watch');
    const pod = await mounted(leased);
    const unable = await eventually('line of the log', 20, async () => lineOf({ event: 'pods-not-watched' }));
    assert.match(
      String(unable['reason']),
      /keymount needs to list and watch pods.*are not revoked, they live until their own end/,
    );
    const issued = await leases();
    await deletePod(pod);
    await sleep(4_000);
    const left = await leases();
    assert.deepEqual(
      issued.filter((id) => !left.includes(id)),
      [],
    );
    for (const event of ['pod-ended', 'lease-revoked']) assert.equal(lineOf({ event }), undefined);
  });

  /** A keymount that remembers nothing, with all rules or without one of them. */
  async function restart(without?: string): Promise<void> {
    const old = keymount;
    await installRights(cluster, without);
    starts++;
    keymount = await startKeymount(cluster, bao, {
      state: `keymount-${starts}`,
      args: ['--refresh-interval', '1s', '--node-name', 'csi-node'],
      env: { POD_NAME: 'own' },
    });
    // not before: kubelet waits longer after each Mount that finds no provider
    await old?.stop();
  }

  function log(): Record<string, unknown>[] {
    const lines = keymount?.output().split('\n') ?? [];
    return lines.filter((line) => line.endsWith('}')).map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** The first line of the log with these fields. */
  function lineOf(fields: Record<string, string>): Record<string, unknown> | undefined {
    return log().find((line) => Object.entries(fields).every(([name, value]) => line[name] === value));
  }

  /** The pod of a class, once this keymount has answered a Mount of it well. */
  async function mounted({ name }: ClassText): Promise<string> {
    return await eventually(`Mount of ${name}`, 40, async () => {
      const pods = await running(name);
      return pods.find((pod) => lineOf({ event: 'mount', pod, code: 'ok' }) !== undefined);
    });
  }

  /** How a Mount of this class failed. */
  async function failing({ name }: ClassText): Promise<{ code: unknown; text: string }> {
    return await eventually(`failed Mount of ${name}`, 30, async () => {
      const line = log().find((each) => each['event'] === 'mount' && each['class'] === name && each['code'] !== 'ok');
      return line && { code: line['code'], text: JSON.stringify(line['error']) };
    });
  }

  async function running(name: string): Promise<string[]> {
    const pods = ['get', 'pods', '-l', `app=${name}`, '-o', 'jsonpath={.items[*].metadata.name}'];
    return (await cluster.kubectl('-n', namespace, ...pods)).split(' ').filter(Boolean);
  }

  async function deletePod(pod: string): Promise<void> {
    await cluster.kubectl('-n', namespace, 'delete', 'pod', pod, '--now');
  }

  /** Takes the secret of `plain` away, and puts it back. */
  async function failRefresh(look: (pod: string) => Promise<void>): Promise<void> {
    const pod = await mounted(plain);
    await bao.delete('secret/metadata/database/config');
    try {
      await look(pod);
    } finally {
      await bao.putKv2('database/config', { username: 'shop', password: passwords.first });
    }
  }

  async function rotationEvents(pod: string): Promise<string[]> {
    const selector = `reason=SecretRotationFailed,involvedObject.name=${pod}`;
    const form = 'jsonpath={range .items[*]}{.metadata.name} {.message}{"\\n"}{end}';
    const text = await cluster.kubectl('-n', namespace, 'get', 'events', '--field-selector', selector, '-o', form);
    return text.split('\n').filter(Boolean);
  }

  /** Ids of all certificates' leases. */
  async function leases(): Promise<string[]> {
    const { body } = await bao.request('LIST', 'sys/leases/lookup/pki/issue/web');
    return (body as { data?: { keys: string[] } }).data?.keys ?? [];
  }

  async function makePki(): Promise<void> {
    await bao.mount('pki', 'pki');
    await bao.write('pki/root/generate/internal', { common_name: 'shop', key_type: 'ec' });
    const role = { allowed_domains: ['shop.svc'], allow_subdomains: true, key_type: 'ec', ttl: '1h' };
    await bao.write('pki/roles/web', { ...role, generate_lease: true });
    await bao.policy('app', policy);
  }
});

function nonEmpty<T>(list: T[]): T[] | undefined {
  return list.length === 0 ? undefined : list;
}

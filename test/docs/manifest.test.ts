import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import { readPage } from './page.ts';

interface Container {
  name: string;
  ports?: { name: string; containerPort: number }[];
  livenessProbe?: { httpGet: { port: string } };
  readinessProbe?: { httpGet: { port: string } };
  volumeMounts: { name: string; mountPath: string; readOnly?: boolean }[];
}

interface Projection {
  path?: string;
  items?: { path: string }[];
}

interface Manifest {
  kind: string;
  // biome-ignore lint/suspicious/noExplicitAny: objects of many kinds
  [field: string]: any;
}

const objects = parseAllDocuments(readPage('manifests/install.yaml')).map((document) => document.toJS() as Manifest);
const only = (kind: string): Manifest => {
  const [object, ...more] = objects.filter((each) => each.kind === kind);
  assert.ok(object !== undefined && more.length === 0, kind);
  return object;
};
const pod = only('DaemonSet')['spec'].template;
const [keymount] = pod.spec.containers as [Container];

describe('manifests/install.yaml', () => {
  it('has probes and metrics on the ports of the settings, each on one of its own', () => {
    const { http, metrics } = parse(only('ConfigMap')['data']['config.yaml']);
    const ports = Object.fromEntries((keymount.ports ?? []).map(({ name, containerPort }) => [name, containerPort]));
    assert.deepEqual({ http: `0.0.0.0:${ports['http']}`, metrics: `0.0.0.0:${ports['metrics']}` }, { http, metrics });
    assert.notEqual(http, metrics);
    assert.equal(keymount.livenessProbe?.httpGet.port, 'http');
    assert.equal(keymount.readinessProbe?.httpGet.port, 'http');
  });

  it('gives the token to the container of keymount alone', () => {
    assert.equal(pod.spec.automountServiceAccountToken, false);
    const folder = '/var/run/secrets/kubernetes.io/serviceaccount';
    const [token] = pod.spec.volumes.filter((volume: { projected?: object }) => volume.projected !== undefined);
    const mounts = (container: Container) => container.volumeMounts.filter(({ name }) => name === token.name);
    assert.deepEqual(mounts(keymount), [{ name: token.name, mountPath: folder, readOnly: true }]);
    for (const container of pod.spec.initContainers) assert.deepEqual(mounts(container), []);
    const { sources } = token.projected;
    const files = sources.flatMap(({ serviceAccountToken, configMap, downwardAPI }: Record<string, Projection>) =>
      [serviceAccountToken, ...(configMap?.items ?? []), ...(downwardAPI?.items ?? [])].flatMap(
        (each) => each?.path ?? [],
      ),
    );
    assert.deepEqual(files, ['token', 'ca.crt', 'namespace']);
    // no other volume brings one
    assert.equal(pod.spec.volumes.filter((volume: object) => 'projected' in volume).length, 1);
  });

  it('is as important to a node as the driver', () => {
    assert.equal(pod.spec.priorityClassName, 'system-node-critical');
  });

  it('lets nobody in but namespaces with a label, to the metrics alone', () => {
    const { podSelector, policyTypes, ingress } = only('NetworkPolicy')['spec'];
    const { matchLabels } = podSelector;
    assert.deepEqual(matchLabels, pod.metadata.labels);
    assert.deepEqual(policyTypes, ['Ingress']);
    assert.deepEqual(ingress, [
      {
        from: [{ namespaceSelector: { matchLabels: { metrics: 'enabled' } } }],
        ports: [{ protocol: 'TCP', port: 'metrics' }],
      },
    ]);
  });
});

interface Pod {
  initContainers?: Part[];
  containers: Part[];
  volumes: { name: string; hostPath?: { path: string } }[];
}

interface Part {
  image: string;
  args: string[];
  securityContext: Record<string, unknown>;
  volumeMounts: { name: string; mountPath: string; readOnly?: boolean }[];
}

const [prepare] = pod.spec.initContainers as [Part];
const flags = (part: Part, name: string) => part.args.filter((arg) => arg.startsWith(`--${name}=`));
const hostPaths = ({ volumes }: Pod) => new Map(volumes.map(({ name, hostPath }) => [name, hostPath?.path]));

describe('the providers directories', () => {
  it('are those of prepare in the settings, and seen read-only under the same paths by keymount', () => {
    const config = parse(only('ConfigMap')['data']['config.yaml']);
    const dirs = flags(prepare, 'providers-dir').map((flag) => flag.split('=')[1]);
    assert.deepEqual(config.providersDirs, dirs);
    assert.deepEqual(flags(prepare, 'providers')[0], `--providers=${config.providers.join(',')}`);
    const paths = hostPaths(pod.spec);
    for (const dir of dirs) {
      const mounted = keymount.volumeMounts.find(({ mountPath }) => mountPath === dir);
      assert.ok(mounted !== undefined && mounted.readOnly === true, dir);
      assert.equal(paths.get(mounted.name), dir);
    }
  });

  for (const [file, wanted] of [
    ['takeover', ['--takeover', '--keep']],
    ['remove', ['--remove', '--keep']],
  ] as const) {
    it(`are the same in manifests/${file}.yaml, with the rights of prepare and no more`, () => {
      const { metadata, spec } = parse(readPage(`manifests/${file}.yaml`));
      assert.equal(metadata.namespace, only('DaemonSet')['metadata'].namespace);
      const other = spec.template.spec as Pod & { automountServiceAccountToken: boolean; serviceAccountName?: string };
      assert.deepEqual([other.automountServiceAccountToken, other.serviceAccountName], [false, undefined]);
      const parts = [...(other.initContainers ?? []), ...other.containers];
      for (const part of parts) {
        assert.equal(part.image, prepare.image);
        assert.deepEqual(flags(part, 'providers-dir'), flags(prepare, 'providers-dir'));
        // All that there are go; those that are taken over are the same.
        assert.deepEqual(flags(part, 'providers'), file === 'remove' ? [] : flags(prepare, 'providers'));
        const { runAsNonRoot, runAsUser, runAsGroup, ...rights } = prepare.securityContext;
        assert.deepEqual(part.securityContext, rights);
        const paths = hostPaths(other);
        for (const { name, mountPath } of part.volumeMounts) assert.equal(paths.get(name), mountPath);
        assert.deepEqual(
          part.volumeMounts.map(({ mountPath }) => `--providers-dir=${mountPath}`),
          flags(part, 'providers-dir'),
        );
      }
      assert.deepEqual(
        other.containers[0]?.args.filter((arg) => !arg.includes('=')),
        ['prepare', ...wanted],
      );
    });
  }
});

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import type { Cluster, KubeObject } from './cluster.ts';
import { readManifest } from './keymount.ts';
import type { ClusterBao } from './openbao.ts';

const run = promisify(execFile);
const script = (name: string) => fileURLToPath(new URL(`../image/${name}`, import.meta.url));
const imageCache = process.env['IMAGE_CACHE'] ?? join(homedir(), '.cache/csi-image');

/** What this machine lacks to build the image and how to get it; undefined: nothing. */
export function missingBases(): string | undefined {
  return existsSync(join(imageCache, 'driver'))
    ? undefined
    : `${imageCache}: run test/image/bases.sh (about a minute; Debian and npm)`;
}

/** Builds the Dockerfile and brings the image into the cluster under the name that manifests/install.yaml has. */
export async function loadImage(cluster: Cluster): Promise<void> {
  const archive = join(cluster.state, 'image.tar');
  const [daemonSet] = (await readManifest()).filter(({ kind }) => kind === 'DaemonSet');
  const [container] = (daemonSet as unknown as DaemonSet).spec.template.spec.containers;
  await run(script('build.sh'), [`docker.io/library/${container?.image}`, archive], { maxBuffer: 1 << 26 });
  await run(script('load.sh'), [archive], { env: { ...process.env, CLUSTER_STATE: cluster.state } });
}

interface DaemonSet {
  spec: { template: { spec: { containers: { image: string }[] } } };
}

/** Applies manifests/install.yaml unchanged but for the admin's own part: the server and its CA in the ConfigMaps. */
export async function install(cluster: Cluster, bao: ClusterBao, caPem: string): Promise<void> {
  const objects = await readManifest();
  const config = objects.find(({ kind }) => kind === 'ConfigMap') as KubeObject & { data: { 'config.yaml': string } };
  const tls = { ca: '/etc/keymount/tls/ca.pem' };
  config.data['config.yaml'] += stringify({ dropIn: { vault: { address: bao.tlsAddress, tls } } });
  const metadata = { name: 'keymount-tls', namespace: 'keymount' };
  await cluster.apply(...objects, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'ca.pem': caPem } });
  await cluster.kubectl('-n', 'keymount', 'rollout', 'status', 'daemonset/keymount', '--timeout=60s');
}

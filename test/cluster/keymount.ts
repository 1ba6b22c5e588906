import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { type Child, startChild, untilReady } from '../lab/child-process.ts';
import { freePort } from '../lab/free-port.ts';
import type { Cluster, KubeObject } from './cluster.ts';
import type { ClusterBao } from './openbao.ts';

const main = fileURLToPath(new URL('../../provider/main.ts', import.meta.url));

/**
 * Runs keymount beside the driver, with its sockets where the driver looks. It comes to the API server as its ServiceAccount
 * in manifests/install.yaml, which must be there, with no other rights.
 */
export async function startKeymount(cluster: Cluster, bao: ClusterBao): Promise<Child> {
  const kubeconfig = join(cluster.state, 'keymount.kubeconfig');
  const token = await cluster.kubectl('-n', 'keymount', 'create', 'token', 'keymount', '--duration=1h');
  await writeFile(kubeconfig, JSON.stringify(kubeconfigOf(cluster, token.trim())), { mode: 0o600 });
  const port = await freePort();
  const keymount = await startChild(
    process.execPath,
    [
      ...[main, 'serve', '--socket-dir', cluster.providers, '--state-dir', join(cluster.state, 'keymount')],
      ...['--http', `127.0.0.1:${port}`, '--kubeconfig', kubeconfig],
    ],
    { env: { VAULT_ADDR: bao.tlsAddress, VAULT_CACERT: bao.ca } },
  );
  await untilReady(keymount, 'keymount', async () => {
    const reply = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
    return reply?.ok ?? false;
  });
  return keymount;
}

/** keymount's namespace, ServiceAccount and RBAC as manifests/install.yaml has them. */
export async function installRights(cluster: Cluster): Promise<void> {
  await cluster.apply(...(await readManifest()).filter(({ kind }) => kind !== 'DaemonSet'));
}

/** The objects of manifests/install.yaml. */
export async function readManifest(): Promise<KubeObject[]> {
  const text = await readFile(fileURLToPath(new URL('../../manifests/install.yaml', import.meta.url)), 'utf8');
  return parseAllDocuments(text).map((document) => document.toJS() as KubeObject);
}

function kubeconfigOf({ apiServer, apiServerCa }: Cluster, token: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: apiServer, 'certificate-authority': apiServerCa } }],
    users: [{ name: 'u', user: { token } }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u', namespace: 'keymount' } }],
    'current-context': 'c',
  };
}

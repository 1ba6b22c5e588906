import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { type Child, startChild, untilReady } from '../lab/child-process.ts';
import { freePort } from '../lab/free-port.ts';
import type { Cluster, KubeObject } from './cluster.ts';
import type { ClusterBao } from './openbao.ts';
import { withoutRule } from './rules.ts';

const main = fileURLToPath(new URL('../../provider/main.ts', import.meta.url));

export interface KeymountOptions {
  /** Name of its state directory below that of the cluster: another one is a keymount that remembers nothing. */
  readonly state?: string;
  /** More arguments of `keymount serve`. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Runs keymount beside the driver, with its sockets where the driver looks. It comes to the API server as its ServiceAccount
 * in manifests/install.yaml, which must be there, with no other rights.
 */
export async function startKeymount(
  cluster: Cluster,
  bao: ClusterBao,
  { state = 'keymount', args = [], env = {} }: KeymountOptions = {},
): Promise<Child> {
  const kubeconfig = join(cluster.state, 'keymount.kubeconfig');
  const token = await cluster.kubectl('-n', 'keymount', 'create', 'token', 'keymount', '--duration=1h');
  await writeFile(kubeconfig, JSON.stringify(kubeconfigOf(cluster, token.trim())), { mode: 0o600 });
  const port = await freePort();
  const keymount = await startChild(
    process.execPath,
    [
      ...[main, 'serve', '--socket-dir', cluster.providers, '--state-dir', join(cluster.state, state)],
      ...['--http', `127.0.0.1:${port}`, '--kubeconfig', kubeconfig, ...args],
    ],
    { env: { VAULT_ADDR: bao.tlsAddress, VAULT_CACERT: bao.ca, ...env } },
  );
  await untilReady(keymount, 'keymount', async () => {
    const reply = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
    return reply?.ok ?? false;
  });
  return keymount;
}

/** keymount's namespace, ServiceAccount and RBAC as manifests/install.yaml has them, or without the rule of that name. */
export async function installRights(cluster: Cluster, without?: string): Promise<void> {
  const objects = (await readManifest()).filter(({ kind }) => kind !== 'DaemonSet');
  await cluster.apply(...(without === undefined ? objects : withoutRule(objects, without)));
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

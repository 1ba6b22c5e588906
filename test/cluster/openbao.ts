import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Cluster, eventually } from './cluster.ts';

const run = promisify(execFile);

/** The `bao` of hack/tools.sh. */
export const bao = join(
  process.env['KEYMOUNT_TOOLS'] ?? fileURLToPath(new URL('../../.cache/tools', import.meta.url)),
  'bin/bao',
);

export interface OpenBao {
  /** The https address that this machine and the pods reach. */
  readonly address: string;
  /** A PEM file with the certificate that signs it. */
  readonly ca: string;
  /** Writes as root: `write('secret/data/app', { data: { key: 'value' } })`. */
  write(path: string, body: object): Promise<void>;
}

const rootToken = 'root';
// Plain http for the test itself; only the https listener is for keymount.
const adminPort = 18_599;

/** A dev server (KV version 2 at `secret/`) whose `kubernetes` auth method asks the cluster who a token is. */
export async function startOpenBao(cluster: Cluster): Promise<OpenBao> {
  const address = `https://${cluster.host}:8200`;
  const ca = join(cluster.state, 'openbao.crt');
  const key = join(cluster.state, 'openbao.key');
  await run('openssl', [
    ...['req', '-x509', '-nodes', '-days', '2', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
    ...['-subj', '/CN=openbao', '-addext', `subjectAltName=IP:${cluster.host}`, '-keyout', key, '-out', ca],
  ]);
  const config = join(cluster.state, 'openbao.json');
  const listener = { address: `${cluster.host}:8200`, tls_cert_file: ca, tls_key_file: key };
  await writeFile(config, JSON.stringify({ listener: [{ tcp: listener }] }));
  cluster.start(
    'openbao',
    bao,
    [
      ...['server', '-dev', '-dev-no-store-token', `-dev-root-token-id=${rootToken}`],
      ...[`-dev-listen-address=127.0.0.1:${adminPort}`, `-config=${config}`],
    ],
    {},
  );
  await eventually('answer of OpenBao', 30, () => ask('GET', 'sys/health').catch(() => undefined));

  const write = async (path: string, body: object) => void (await ask('POST', path, body));
  await trustCluster(cluster, write);
  return { address, ca, write };
}

/** OpenBao may review tokens as a ServiceAccount that has exactly this right. */
async function trustCluster(cluster: Cluster, write: OpenBao['write']): Promise<void> {
  const name = 'token-reviewer';
  const namespace = 'default';
  const group = 'rbac.authorization.k8s.io';
  await cluster.apply(
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } },
    {
      apiVersion: `${group}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name },
      roleRef: { apiGroup: group, kind: 'ClusterRole', name: 'system:auth-delegator' },
      subjects: [{ kind: 'ServiceAccount', name, namespace }],
    },
  );
  const reviewer = await cluster.kubectl('-n', namespace, 'create', 'token', name, '--duration=24h');
  await write('sys/auth/kubernetes', { type: 'kubernetes' });
  await write('auth/kubernetes/config', {
    kubernetes_host: cluster.apiServer,
    kubernetes_ca_cert: await readFile(cluster.apiServerCa, 'utf8'),
    token_reviewer_jwt: reviewer.trim(),
  });
}

async function ask(method: string, path: string, body?: object): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${adminPort}/v1/${path}`, {
    method,
    headers: { 'X-Vault-Token': rootToken },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`OpenBao answered ${response.status} to ${method} ${path}: ${text}`);
  return text === '' ? null : JSON.parse(text);
}

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { createServer } from 'node:tls';
import { promisify } from 'node:util';
import { type OpenBao, startOpenBao } from '../lab/openbao.ts';
import { enableKubernetesAuth } from '../lab/openbao-auth.ts';
import type { Cluster } from './cluster.ts';

const run = promisify(execFile);

/** An OpenBao server that this machine and the pods reach over TLS. */
export interface ClusterBao extends OpenBao {
  /** `https://10.88.ID.1:PORT`. */
  readonly tlsAddress: string;
  /** PEM file of what signs its certificate. */
  readonly ca: string;
}

/** Starts OpenBao with a `kubernetes` auth method that asks the cluster's API server who a token is. */
export async function startClusterBao(cluster: Cluster): Promise<ClusterBao> {
  const bao = await startOpenBao();
  await enableKubernetesAuth(bao, {
    address: cluster.apiServer,
    caPem: await readFile(cluster.apiServerCa, 'utf8'),
    reviewerToken: await reviewerToken(cluster),
  });
  const front = await startTlsFront(cluster, bao.address);
  return {
    ...bao,
    tlsAddress: front.address,
    ca: front.ca,
    async stop() {
      await front.stop();
      await bao.stop();
    },
  };
}

/** OpenBao reviews tokens as a ServiceAccount that has exactly this right. */
async function reviewerToken(cluster: Cluster): Promise<string> {
  const name = 'token-reviewer';
  const namespace = 'default';
  const apiGroup = 'rbac.authorization.k8s.io';
  await cluster.apply(
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } },
    {
      apiVersion: `${apiGroup}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name },
      roleRef: { apiGroup, kind: 'ClusterRole', name: 'system:auth-delegator' },
      subjects: [{ kind: 'ServiceAccount', name, namespace }],
    },
  );
  return (await cluster.kubectl('-n', namespace, 'create', 'token', name, '--duration=1h')).trim();
}

/** Takes TLS on an address that pods reach and hands the bytes on to OpenBao's own listener. */
async function startTlsFront({ state, host }: Cluster, target: string) {
  const ca = join(state, 'openbao.crt');
  const key = join(state, 'openbao.key');
  await run('openssl', [
    ...['req', '-x509', '-nodes', '-days', '2', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
    ...['-subj', '/CN=openbao', '-addext', `subjectAltName=IP:${host}`, '-keyout', key, '-out', ca],
  ]);
  const { hostname, port } = new URL(target);
  const open = new Set<Socket>();
  const server = createServer({ cert: await readFile(ca), key: await readFile(key) }, (client) => {
    open.add(client);
    // What breaks here, breaks for keymount and for OpenBao: there is nobody else to tell.
    pipeline(client, connect(Number(port), hostname), client, () => open.delete(client));
  });
  server.on('tlsClientError', () => {});
  server.listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  return {
    ca,
    address: `https://${host}:${typeof address === 'object' ? address?.port : ''}`,
    async stop() {
      server.close();
      for (const socket of open) socket.destroy();
      await once(server, 'close');
    },
  };
}

import { dirname } from 'node:path';
import { need } from '../lab/tools.ts';
import type { Cluster, KubeObject } from './cluster.ts';

/** The directories in which the driver looks, as the node has them. */
export const providersDirs = {
  'the first directory': '/var/run/secrets-store-csi-providers',
  'the further directory': '/etc/kubernetes/secrets-store-csi-providers',
} as const;

/** The DaemonSet `vault-csi-provider` in the namespace `csi`, whose Go program is a stub: see test/driver/cmd/goprovider. */
export function goProvider(providersDir: string): KubeObject {
  const labels = { app: 'vault-csi-provider' };
  const folder = dirname(need('goprovider').goprovider);
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'vault-csi-provider', namespace: 'csi' },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          automountServiceAccountToken: false,
          terminationGracePeriodSeconds: 10,
          containers: [
            {
              name: 'provider',
              image: 'localhost/busybox:local',
              imagePullPolicy: 'Never',
              command: ['/tools/goprovider', '--endpoint=/provider/vault.sock'],
              volumeMounts: [
                { name: 'provider', mountPath: '/provider' },
                { name: 'tools', mountPath: '/tools', readOnly: true },
              ],
            },
          ],
          volumes: [
            { name: 'provider', hostPath: { path: providersDir } },
            { name: 'tools', hostPath: { path: folder } },
          ],
        },
      },
    },
  };
}

/** Installs it and waits until it runs. */
export async function installGoProvider(cluster: Cluster, providersDir: string): Promise<void> {
  await cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'csi' } }, goProvider(providersDir));
  await cluster.kubectl('-n', 'csi', 'rollout', 'status', 'daemonset/vault-csi-provider', '--timeout=60s');
}

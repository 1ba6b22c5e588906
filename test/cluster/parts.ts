import { accessSync, constants, existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where build.sh keeps what it builds. */
export const cache = process.env['CLUSTER_CACHE'] ?? join(homedir(), '.cache/csi-cluster');

const built = ['kube', 'secrets-store-csi-driver', 'registrar', 'manifests', 'busybox.tar'];
const commands = ['containerd', 'runc', 'ip', 'nsenter', 'unshare', 'openssl'];
const build = 'run test/cluster/build.sh (Debian and Go; about 10 minutes the first time)';

/** What this machine lacks for a cluster, each with how to get it; empty: nothing. */
export function missingParts(): string[] {
  if (process.platform !== 'linux') return ['Linux: the cluster is a real node'];
  const missing = [
    ...built.filter((part) => !existsSync(join(cache, part))).map((part) => `${join(cache, part)}: ${build}`),
    ...commands.filter((command) => !onPath(command)).map((command) => `${command}: ${build}`),
  ];
  if (!existsSync('/usr/lib/cni/bridge')) missing.push(`/usr/lib/cni/bridge: ${build}`);
  if (process.getuid?.() !== 0) missing.push('root: kubelet mounts volumes and makes network devices');
  return missing;
}

function onPath(command: string): boolean {
  const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
  return path.split(':').some((folder) => executable(join(folder, command)));
}

function executable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

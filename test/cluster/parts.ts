import { accessSync, constants, existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where build.sh keeps what it builds. */
export const cache = process.env['CLUSTER_CACHE'] ?? join(homedir(), '.cache/csi-cluster');

const built = ['kube', 'secrets-store-csi-driver', 'registrar', 'manifests', 'busybox.tar'];
const installed = ['containerd', 'runc', 'ip', 'nsenter', 'unshare', 'openssl'];

/** What this machine lacks for a cluster and how to get it; undefined: nothing. */
export function missingParts(): string | undefined {
  if (process.platform !== 'linux') return 'Linux, for a node of its own';
  if (process.getuid?.() !== 0) return 'root: kubelet mounts volumes and makes network devices';
  const missing = [
    ...built.map((part) => join(cache, part)).filter((file) => !existsSync(file)),
    ...installed.filter((command) => !onPath(command)),
    ...['/usr/lib/cni/bridge'].filter((file) => !existsSync(file)),
  ];
  if (missing.length === 0) return undefined;
  return `${missing.join(', ')}: run test/cluster/build.sh (Debian and Go; about 10 minutes the first time)`;
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

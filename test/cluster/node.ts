import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Cluster } from './cluster.ts';

const run = promisify(execFile);

/** The pid of a process of the cluster, by the name that up.sh gave it, such as `kubelet`. */
async function pidOf({ state }: Cluster, name: string): Promise<number> {
  return Number(await readFile(join(state, 'pids', name), 'utf8'));
}

/** A file as the node sees it, with what is mounted there. */
export async function readOnNode(cluster: Cluster, path: string): Promise<string> {
  return await readFile(`/proc/${await pidOf(cluster, 'node')}/root${path}`, 'utf8');
}

/** Ends kubelet as a node's crash would. The containers go on; nothing starts it again. */
export async function killKubelet(cluster: Cluster): Promise<void> {
  process.kill(await pidOf(cluster, 'kubelet'), 'SIGKILL');
}

/** Ends a container's first process as the kernel does where memory is short. */
export async function killContainer(cluster: Cluster, id: string): Promise<void> {
  await ctr(cluster, 'tasks', 'kill', '--signal', 'SIGKILL', id);
}

export async function isRunning(cluster: Cluster, id: string): Promise<boolean> {
  const tasks = (await ctr(cluster, 'tasks', 'list')).split('\n');
  return tasks.some((line) => line.startsWith(id) && line.includes('RUNNING'));
}

async function ctr(cluster: Cluster, ...args: string[]): Promise<string> {
  const mounts = `--mount=/proc/${await pidOf(cluster, 'node')}/ns/mnt`;
  const socket = join(cluster.state, 'containerd.sock');
  return (await run('nsenter', [mounts, 'ctr', '--address', socket, '--namespace', 'k8s.io', ...args])).stdout;
}

import { execFile, spawn } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Child, startChild } from '../lab/child-process.ts';
import { cache } from './parts.ts';

const run = promisify(execFile);
const restartDriver = fileURLToPath(new URL('restart-driver.sh', import.meta.url));

/** A Kubernetes object as kubectl takes it. */
export type KubeObject = { apiVersion: string; kind: string; metadata: object; [field: string]: unknown };

export interface Cluster {
  /** Folder of the running cluster; see README.md. */
  readonly state: string;
  /** Folder where the driver looks for the providers' sockets. */
  readonly providers: string;
  /** The API server, for pods and for this machine's processes. */
  readonly apiServer: string;
  /** The API server's CA, a PEM file. */
  readonly apiServerCa: string;
  /** This machine as pods see it; no other machine reaches the address. */
  readonly host: string;
  /** kubectl as cluster-admin: its standard output. */
  kubectl(...args: string[]): Promise<string>;
  /** A kubectl that runs on, such as one that watches. */
  startKubectl(...args: string[]): Promise<Child>;
  apply(...objects: KubeObject[]): Promise<void>;
  /** The driver forgets what it knew of providers. */
  restartDriver(): Promise<void>;
  /** The same, for a shell. */
  readonly restartDriverCommand: string;
  /** Ends everything and returns when nothing is left. */
  stop(): Promise<void>;
}

export interface ClusterOptions {
  /** CLUSTER_POLL: how old a mount must be before the driver asks the provider again, such as `2m`. */
  readonly poll?: string;
  /** CLUSTER_SYNC: how often kubelet looks after a pod that nothing happens to. */
  readonly sync?: string;
}

/** Starts a cluster in about 5 seconds. It ends with `stop` or with this process, whatever ends that. */
export async function startCluster(id = 17, { poll, sync }: ClusterOptions = {}): Promise<Cluster> {
  const state = await mkdtemp(join(tmpdir(), 'keymount-cluster-'));
  const own = { CLUSTER_STATE: state, CLUSTER_ID: `${id}`, CLUSTER_PORT: `${18600 + 4 * id}` };
  const chosen = {
    ...(poll !== undefined && { CLUSTER_POLL: poll }),
    ...(sync !== undefined && { CLUSTER_SYNC: sync }),
  };
  const env = { ...process.env, ...own, ...chosen };
  const holder = spawn(fileURLToPath(new URL('hold.sh', import.meta.url)), {
    detached: true, // a Ctrl-C is for this process; the holder sees its input end
    stdio: ['pipe', 'pipe', 'inherit'],
    env,
  });
  const ended = new Promise<void>((resolve) => holder.once('close', () => resolve()));
  const up = await new Promise<boolean>((resolve) => {
    createInterface(holder.stdout).once('line', () => resolve(true));
    holder.once('close', () => resolve(false));
  });
  if (!up) throw new Error(`the cluster did not start; logs are in ${state}/logs`);

  const kube = (...args: string[]) => [
    'kubectl',
    '--kubeconfig',
    join(state, 'admin.kubeconfig'),
    '--cache-dir',
    join(state, 'kubectl'),
    ...args,
  ];
  const kubectl = async (...args: string[]) => (await run(join(cache, 'kube'), kube(...args))).stdout;
  return {
    state,
    providers: join(state, 'providers'),
    apiServer: `https://10.96.${id}.1:443`,
    apiServerCa: join(state, 'certs/apiserver.crt'),
    host: `10.88.${id}.1`,
    kubectl,
    startKubectl: (...args) => startChild(join(cache, 'kube'), kube(...args)),
    apply: async (...objects) => {
      const applied = run(join(cache, 'kube'), kube('apply', '-f', '-'));
      applied.child.stdin?.end(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
      await applied;
    },
    restartDriverCommand: `env ${Object.entries({ ...own, ...chosen })
      .map(([name, value]) => `${name}=${value}`)
      .join(' ')} ${restartDriver}`,
    restartDriver: async () => void (await run(restartDriver, { env })),
    stop: async () => {
      holder.stdin.end();
      await ended;
    },
  };
}

/** Asks until there is an answer; `what` is named when `seconds` have gone by. */
export async function eventually<T>(what: string, seconds: number, ask: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > end) throw new Error(`no ${what} after ${seconds} s`);
    await sleep(300);
  }
}

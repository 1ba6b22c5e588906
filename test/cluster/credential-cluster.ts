import type { Child } from '../lab/child-process.ts';
import { kubernetesRole } from '../lab/openbao-auth.ts';
import { mountDatabase } from '../lab/openbao-database.ts';
import { type Postgres, requiresPostgres, startPostgres } from '../lab/postgres.ts';
import { requires } from '../lab/tools.ts';
import { type Cluster, type ClusterOptions, eventually, type KubeObject, startCluster } from './cluster.ts';
import { credentialClass, ownPod } from './credential-pod.ts';
import { installRights, startKeymount } from './keymount.ts';
import { readOnNode } from './node.ts';
import { type ClusterBao, startClusterBao } from './openbao.ts';
import { missingParts } from './parts.ts';
import { namespace, surroundings } from './workload.ts';

/** Why the tests cannot run here; false: they can. What is missing in CI is a failure. */
export function skipCredentials(): string | false {
  const missing = missingParts();
  if (missing && process.env['CI']) throw new Error(`this machine lacks ${missing}`);
  return missing ? `this machine lacks ${missing}` : requires('bao').skip || requiresPostgres().skip;
}

/** Where `read` finds the files of the class. */
export const mounted = 'kubernetes.io~csi/secrets/mount';

const creation = `CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';`;
const renewal = `ALTER ROLE "{{name}}" VALID UNTIL '{{expiration}}';`;

/** Starts it, with keymount and with nothing to read yet: `role` adds that. */
export async function startCredentialCluster(id: number, options: ClusterOptions = {}): Promise<CredentialCluster> {
  const started = new AsyncDisposableStack();
  try {
    const cluster = started.adopt(await startCluster(id, options), (it) => it.stop());
    const postgres = started.adopt(await startPostgres(), (it) => it.stop());
    const bao = started.adopt(await startClusterBao(cluster), (it) => it.stop());
    await fillBao(bao, postgres);
    await installRights(cluster);
    await cluster.apply(...surroundings, ownPod);
    const credentials = new CredentialCluster(cluster, bao, postgres, started);
    await credentials.startKeymount();
    await cluster.kubectl('-n', 'keymount', 'wait', '--for=condition=Ready', 'pod/keymount-x', '--timeout=60s');
    return credentials;
  } catch (error) {
    await started.disposeAsync();
    throw error;
  }
}

/** A cluster whose pods get credentials that OpenBao makes for them in a PostgreSQL server. */
export class CredentialCluster {
  readonly cluster: Cluster;
  readonly bao: ClusterBao;
  readonly postgres: Postgres;
  readonly #started: AsyncDisposableStack;
  readonly #uids = new Map<string, string>();
  #keymount: Child | undefined;

  constructor(cluster: Cluster, bao: ClusterBao, postgres: Postgres, started: AsyncDisposableStack) {
    this.cluster = cluster;
    this.bao = bao;
    this.postgres = postgres;
    this.#started = started;
  }

  /** Starts keymount, with the state that the last one left. */
  async startKeymount(): Promise<void> {
    const args = ['--node-name', 'csi-node', '--pod-name', 'keymount-x'];
    const keymount = await startKeymount(this.cluster, this.bao, { args });
    this.#started.defer(async () => void (await keymount.stop()));
    this.#keymount = keymount;
  }

  /** As a crash ends it. */
  async killKeymount(): Promise<void> {
    this.#keymount?.signal('SIGKILL');
    await this.#keymount?.ended;
  }

  /** A database role, seconds, and the class `creds-NAME`, which logs in with the auth role `login`. */
  async role(name: string, ttl: number, max: number, login = 'app-role'): Promise<void> {
    await this.bao.write(`database/roles/${name}`, {
      db_name: 'pg',
      default_ttl: ttl,
      max_ttl: max,
      creation_statements: creation,
      renew_statements: renewal,
    });
    await this.cluster.apply(credentialClass(this.bao.tlsAddress, name, login));
  }

  /** In the pods' namespace. */
  kubectl(...args: string[]): Promise<string> {
    return this.cluster.kubectl('-n', namespace, ...args);
  }

  /** Starts a pod and waits until there is a credential more. */
  async start(pod: KubeObject): Promise<void> {
    const count = (await this.roles()).length;
    await this.cluster.apply(pod);
    const more = async () => ((await this.roles()).length > count ? true : undefined);
    await eventually(`credential of ${JSON.stringify(pod.metadata)}`, 60, more);
  }

  async untilReady(pod: string): Promise<void> {
    await this.kubectl('wait', '--for=condition=Ready', `pod/${pod}`, '--timeout=60s');
  }

  /** The container of a pod's app. */
  async containerId(pod: string): Promise<string> {
    const id = await this.kubectl('get', 'pod', pod, '-o', 'jsonpath={.status.containerStatuses[0].containerID}');
    return id.replace('containerd://', '');
  }

  /** A file below the folder of the pod's volumes, as the pod sees it. */
  async read(pod: string, path: string): Promise<string> {
    const uid = this.#uids.get(pod) ?? (await this.kubectl('get', 'pod', pod, '-o', 'jsonpath={.metadata.uid}'));
    this.#uids.set(pod, uid);
    return await readOnNode(this.cluster, `/var/lib/kubelet/pods/${uid}/volumes/${path}`);
  }

  /** The users that live in PostgreSQL, of one database role or of all. */
  async roles(of?: string): Promise<string[]> {
    const live = await this.postgres.liveRoles();
    // OpenBao's names have the role's in them, of which they keep eight characters
    return of === undefined ? live : live.filter((name) => name.includes(`-${of.slice(0, 8)}-`));
  }

  async untilRoles(count: number, seconds: number, of?: string): Promise<void> {
    const there = async () => ((await this.roles(of)).length === count ? true : undefined);
    await eventually(`${count} users of ${of ?? 'all roles'} in PostgreSQL`, seconds, there);
  }

  async stop(): Promise<void> {
    await this.#started.disposeAsync();
  }
}

async function fillBao(bao: ClusterBao, postgres: Postgres): Promise<void> {
  await bao.policy('app', 'path "database/creds/*" { capabilities = ["read"] }');
  await kubernetesRole(bao, { name: 'app-role', policies: ['app'] });
  await mountDatabase(bao, postgres);
}

import { connect } from 'node:net';
import { canaries, type Keymount, type KeymountOptions, startKeymount } from '../e2e/keymount.ts';
import { requestOf } from '../e2e/requests.ts';
import { until } from '../e2e/until.ts';
import { mounted, texts, versions } from '../lab/grpc-client.ts';
import { type KubeApiServer, startKubeApi, writeKubeconfig } from '../lab/kube-api.ts';
import { type OpenBao, type OpenBaoOptions, startOpenBao } from '../lab/openbao.ts';
import { enableJwtAuth, jwtRole } from '../lab/openbao-auth.ts';
import { mountDatabase } from '../lab/openbao-database.ts';
import { aPod, type Pod } from '../lab/pod.ts';
import { type Postgres, startPostgres } from '../lab/postgres.ts';
import { scratchFolder } from '../lab/scratch.ts';

/** Everything that a credential lives among: OpenBao that makes roles in PostgreSQL, a PKI, an API server with pods. */
export interface LeaseLab {
  readonly bao: OpenBao;
  readonly postgres: Postgres;
  readonly kube: KubeApiServer;
  /** A database role of OpenBao `database/creds/NAME`. Seconds. */
  dbRole(name: string, ttl: number, max: number): Promise<void>;
  /** keymount on node-1; its own pod is `csi/keymount-x`. */
  keymount(options?: KeymountOptions & { address?: string; node?: string }): Promise<Keymount>;
  /** A pod that is there, on node-1 unless told. */
  pod(parts?: Partial<Pod>, node?: string): Pod;
  mount(
    keymount: Keymount,
    pod: Pod,
    objects?: readonly object[],
    parameters?: Record<string, string>,
  ): Promise<Mounted>;
  /** The roles that live in PostgreSQL, of one database role or of all. */
  roles(of?: string): Promise<string[]>;
  /** Waits until there are so many of them. */
  untilRoles(count: number, milliseconds?: number, of?: string): Promise<void>;
  stop(): Promise<void>;
}

export interface Mounted {
  readonly files: Record<string, string>;
  readonly versions: Record<string, string>;
}

/** User and password of one issue, as two files. */
export const dbObjects = (role = 'app') => [
  { objectName: 'user', secretPath: `database/creds/${role}`, secretKey: 'username' },
  { objectName: 'password', secretPath: `database/creds/${role}`, secretKey: 'password' },
];

const policy = `
path "database/creds/*" { capabilities = ["read"] }
path "database/static-creds/*" { capabilities = ["read"] }
path "pki/issue/*" { capabilities = ["create", "update"] }
path "pki/revoke" { capabilities = ["update"] }
path "secret/data/shop/*" { capabilities = ["read"] }
`;

const ownPod = aPod({ namespace: 'csi', name: 'keymount-x' });

export async function startLeaseLab(options: OpenBaoOptions = {}): Promise<LeaseLab> {
  const bao = await startOpenBao(options);
  const [postgres, kube] = await Promise.all([startPostgres(), startKubeApi()]);
  canaries.watch('the token of keymount itself', kube.token);
  const kubeconfig = writeKubeconfig(kube, scratchFolder('kube'));
  await bao.policy('app', policy);
  await enableJwtAuth(bao, kube.issuer);
  await jwtRole(bao, { name: 'app', policies: ['app'] });
  await mountDatabase(bao, postgres, { max_open_connections: 20 });
  kube.podFeed.add(ownPod);
  const lab: LeaseLab = {
    bao,
    postgres,
    kube,
    async dbRole(name, ttl, max) {
      const create = `CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';`;
      await bao.write(`database/roles/${name}`, {
        db_name: 'pg',
        default_ttl: ttl,
        max_ttl: max,
        creation_statements: create,
        renew_statements: `ALTER ROLE "{{name}}" VALID UNTIL '{{expiration}}';`,
      });
    },
    async keymount({ address = bao.address, node = 'node-1', ...more } = {}) {
      return await startKeymount({
        ...more,
        env: { VAULT_ADDR: address, ...more.env },
        args: ['--kubeconfig', kubeconfig, '--node-name', node, '--pod-name', ownPod.name, ...(more.args ?? [])],
      });
    },
    pod(parts = {}, node = 'node-1') {
      const pod = aPod(parts);
      kube.podFeed.add(pod, { node });
      return pod;
    },
    async mount(keymount, pod, objects = dbObjects(), parameters = {}) {
      const request = requestOf(kube.issuer, { pod, parameters: classOf(objects, parameters) });
      const reply = mounted(await keymount.mount('vault', request));
      const files = texts(reply);
      for (const [name, text] of Object.entries(files)) {
        if (/password|key/.test(name)) canaries.watch(`the file ${name}`, text);
      }
      return { files, versions: versions(reply) };
    },
    async roles(of) {
      const live = await postgres.liveRoles();
      // OpenBao's names have the role's in them, of which they keep eight characters
      return of === undefined ? live : live.filter((name) => name.includes(`-${of.slice(0, 8)}-`));
    },
    async untilRoles(count, milliseconds = 5_000, of = undefined) {
      await until(async () => (await lab.roles(of)).length === count, milliseconds);
    },
    async stop() {
      await kube.close();
      await bao.stop();
      await postgres.stop();
    },
  };
  await lab.dbRole('app', 3_600, 86_400);
  return lab;
}

export function classOf(objects: readonly object[], parameters: Record<string, string> = {}) {
  return { roleName: 'app', vaultAuthMountPath: 'jwt', ...parameters, objects: JSON.stringify(objects) };
}

/** A PKI at `pki/`, with a role `web`, and `leased` whose certificates have leases. */
export async function enablePki(bao: OpenBao): Promise<void> {
  await bao.mount('pki', 'pki');
  await bao.write('sys/mounts/pki/tune', { max_lease_ttl: '87600h' });
  await bao.write('pki/root/generate/internal', { common_name: 'lab', ttl: '87600h' });
  await bao.write('pki/roles/web', { allow_any_name: true, max_ttl: '72h' });
  await bao.write('pki/roles/leased', { allow_any_name: true, max_ttl: '72h', generate_lease: true });
}

/** What keymount has counted so far of an event of its leases. */
export async function counted(keymount: Keymount, event: string): Promise<number> {
  return (await keymount.metric(`keymount_lease_events_total{event="${event}"}`)) ?? 0;
}

/** Logins and database reads in OpenBao's own count of leases: how many leases it has below a path. */
export async function leaseCount(bao: OpenBao, path: string): Promise<number> {
  const { status, body } = await bao.request('LIST', `sys/leases/lookup/${path}`);
  return status === 404 ? 0 : (body as { data: { keys: string[] } }).data.keys.length;
}

/** `keymount status --json` by its socket. */
export async function handOver(socketFolder: string): Promise<void> {
  const socket = connect(`${socketFolder}/.keymount-admin.sock`);
  const done = new Promise<string>((resolve, reject) => {
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    socket.on('end', () => resolve(text));
    socket.on('error', reject);
  });
  socket.end('POST /hand-over HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  if (!/^HTTP\/1\.1 200 /.test(await done)) throw new Error(`not handed over: ${await done}`);
}

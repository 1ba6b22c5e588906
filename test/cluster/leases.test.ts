import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Child } from '../lab/child-process.ts';
import { kubernetesRole } from '../lab/openbao-auth.ts';
import { type Postgres, requiresPostgres, startPostgres } from '../lab/postgres.ts';
import { requires } from '../lab/tools.ts';
import { type Cluster, eventually, type KubeObject, startCluster } from './cluster.ts';
import { installRights, startKeymount } from './keymount.ts';
import { type ClusterBao, startClusterBao } from './openbao.ts';
import { missingParts } from './parts.ts';
import { namespace, secretProviderClass, serviceAccount, surroundings } from './workload.ts';

const missing = missingParts();
if (missing && process.env['CI']) throw new Error(`this machine lacks ${missing}`);
const skip = missing ? `this machine lacks ${missing}` : requires('bao').skip || requiresPostgres().skip;

const image = { image: 'localhost/busybox:local', imagePullPolicy: 'Never' };

/** The class `creds-ROLE`: user and password of one credential of `database/creds/ROLE`. */
function credentialClass(address: string, role: string): KubeObject {
  const objects = ['username', 'password'].map((key) => ({
    objectName: key,
    secretPath: `database/creds/${role}`,
    secretKey: key,
  }));
  return secretProviderClass(address, { name: `creds-${role}`, objects: JSON.stringify(objects) });
}

/** A pod with that class that runs until it is ended, or a command and then no more. */
function pod(name: string, role: string, command = 'exec sleep 2147483647'): KubeObject {
  const volume = {
    driver: 'secrets-store.csi.k8s.io',
    readOnly: true,
    volumeAttributes: { secretProviderClass: `creds-${role}` },
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    spec: {
      serviceAccountName: serviceAccount,
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 0,
      restartPolicy: 'Never',
      containers: [
        {
          name: 'app',
          ...image,
          command: ['sh', '-c', command],
          volumeMounts: [{ name: 'secrets', mountPath: '/secrets' }],
        },
      ],
      volumes: [{ name: 'secrets', csi: volume }],
    },
  };
}

/** What stands for keymount's own pod: keymount runs as a process of this machine. */
const ownPod: KubeObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'keymount-x', namespace: 'keymount' },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'x', ...image, command: ['sleep', '2147483647'] }],
  },
};

describe('credentials of pods on a Kubernetes node', { skip, timeout: 400_000 }, () => {
  let cluster: Cluster;
  let bao: ClusterBao;
  let postgres: Postgres;
  let keymount: Child;
  const kubectl = (...args: string[]) => cluster.kubectl('-n', namespace, ...args);
  const run = () => startKeymount(cluster, bao, { args: ['--node-name', 'csi-node', '--pod-name', 'keymount-x'] });

  before(async () => {
    [cluster, postgres] = await Promise.all([startCluster(20), startPostgres()]);
    bao = await startClusterBao(cluster);
    await bao.policy('app', 'path "database/creds/*" { capabilities = ["read"] }');
    await kubernetesRole(bao, { name: 'app-role', policies: ['app'] });
    await bao.mount('database', 'database');
    await bao.write('database/config/pg', {
      plugin_name: 'postgresql-database-plugin',
      allowed_roles: '*',
      connection_url: `postgresql://{{username}}:{{password}}@127.0.0.1:${postgres.port}/postgres?sslmode=disable`,
      username: 'postgres',
      password: postgres.password,
    });
    await databaseRole('app', 3_600, 86_400);
    await databaseRole('minute', 60, 60);
    await installRights(cluster);
    keymount = await run();
    const classes = ['app', 'minute'].map((role) => credentialClass(bao.tlsAddress, role));
    await cluster.apply(...surroundings, ...classes, ownPod);
    await cluster.kubectl('-n', 'keymount', 'wait', '--for=condition=Ready', 'pod/keymount-x', '--timeout=60s');
  });

  after(async () => {
    await keymount?.stop();
    await bao?.stop();
    await postgres?.stop();
    await cluster?.stop();
  });

  async function databaseRole(name: string, ttl: number, max: number) {
    await bao.write(`database/roles/${name}`, {
      db_name: 'pg',
      default_ttl: ttl,
      max_ttl: max,
      creation_statements: `CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';`,
      renew_statements: `ALTER ROLE "{{name}}" VALID UNTIL '{{expiration}}';`,
    });
  }

  /** Starts it, and waits until it has its credential. */
  async function start(name: string, role: string, command?: string): Promise<void> {
    const count = (await postgres.liveRoles()).length;
    await cluster.apply(pod(name, role, command));
    await eventually(`credential of ${name}`, 60, async () =>
      (await postgres.liveRoles()).length > count ? true : undefined,
    );
  }

  const untilRoles = (count: number, seconds: number) =>
    eventually(`${count} roles in PostgreSQL`, seconds, async () =>
      (await postgres.liveRoles()).length === count ? true : undefined,
    );

  it('are ended with a pod that is deleted', async () => {
    await start('deleted', 'app');
    await kubectl('wait', '--for=condition=Ready', 'pod/deleted', '--timeout=60s');
    await kubectl('delete', 'pod', 'deleted');
    await untilRoles(0, 5);
  });

  it('are ended with a pod that is deleted by force', async () => {
    await start('forced', 'app');
    await kubectl('wait', '--for=condition=Ready', 'pod/forced', '--timeout=60s');
    await kubectl('delete', 'pod', 'forced', '--force', '--grace-period=0');
    await untilRoles(0, 5);
  });

  it('are ended with a pod that finished or failed, although it is still in the API', async () => {
    await start('finished', 'app', 'sleep 2');
    await start('failed', 'app', 'sleep 1; exit 1');
    await untilRoles(0, 30);
    assert.equal(await kubectl('get', 'pod', 'finished', '-o', 'jsonpath={.status.phase}'), 'Succeeded');
    assert.equal(await kubectl('get', 'pod', 'failed', '-o', 'jsonpath={.status.phase}'), 'Failed');
  });

  it('are kept through a kill -9, and end within 10 s of the start with a pod that went meanwhile', async () => {
    await start('stays', 'app');
    await start('goes', 'app');
    for (const name of ['stays', 'goes'])
      await kubectl('wait', '--for=condition=Ready', `pod/${name}`, '--timeout=60s');
    const before = await fileOf('stays', 'username');
    keymount.signal('SIGKILL');
    await keymount.ended;
    await kubectl('delete', 'pod', 'goes');
    keymount = await run();
    await untilRoles(1, 10);
    assert.deepEqual(await postgres.liveRoles(), [before]);
    await sleep(12_000); // some republishes
    assert.equal(await fileOf('stays', 'username'), before);
    assert.deepEqual(await postgres.liveRoles(), [before]);
    await kubectl('delete', 'pod', 'stays');
    await untilRoles(0, 5);
  });

  it('of a max_ttl of 60 s log in at every instant, with a rotation-poll-interval of 5 s', async () => {
    await start('minute', 'minute');
    await kubectl('wait', '--for=condition=Ready', 'pod/minute', '--timeout=60s');
    const seen = new Set<string>();
    const end = Date.now() + 100_000;
    while (Date.now() < end) {
      const user = await fileOf('minute', 'username');
      const password = await fileOf('minute', 'password');
      // the two files may be of two credentials if the driver changed them in between
      if (user === (await fileOf('minute', 'username'))) {
        assert.ok(await postgres.canLogIn(user, password), `${user} does not log in`);
        seen.add(user);
      }
      await sleep(200);
    }
    assert.ok(seen.size >= 2 && seen.size <= 9, `${seen.size} credentials in 100 s`);
    await kubectl('delete', 'pod', 'minute');
    await untilRoles(0, 5);
  });

  /** A file of a pod's volume, as the pod sees it. */
  async function fileOf(name: string, file: string): Promise<string> {
    const node = (await readFile(join(cluster.state, 'pids/node'), 'utf8')).trim();
    const uid = uids.get(name) ?? (await kubectl('get', 'pod', name, '-o', 'jsonpath={.metadata.uid}')).trim();
    uids.set(name, uid);
    const volume = `/var/lib/kubelet/pods/${uid}/volumes/kubernetes.io~csi/secrets/mount`;
    return await readFile(`/proc/${node}/root${volume}/${file}`, 'utf8');
  }
  const uids = new Map<string, string>();
});

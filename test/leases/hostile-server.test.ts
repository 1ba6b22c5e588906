import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Keymount, startKeymount } from '../e2e/keymount.ts';
import { requestOf } from '../e2e/requests.ts';
import { until } from '../e2e/until.ts';
import { type KubeApiServer, startKubeApi, writeKubeconfig } from '../lab/kube-api.ts';
import { aPod, type Pod } from '../lab/pod.ts';
import { scratchFolder } from '../lab/scratch.ts';
import { classOf } from './lab.ts';

const MiB = 2 ** 20;
/** What the manifests give the process. */
const memory = 256 * MiB;
const pods = 80;
const ownPod = aPod({ namespace: 'csi', name: 'keymount-x' });

/** A server that a class chose: each read is a lease without an end and a reply of 1.75 MiB, and no token can be revoked. */
interface HostileServer {
  readonly address: string;
  readonly reads: () => number;
  readonly renewals: () => number;
  /** Of its leases, in seconds. */
  duration: number;
  close(): void;
}

async function startHostileServer(): Promise<HostileServer> {
  const padding = 'x'.repeat(1.75 * MiB);
  let [reads, renewals, logins] = [0, 0, 0];
  const server: Server = createServer((request, response) => {
    const answer = (status: number, body: object) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    const lease = { lease_duration: hostile.duration, renewable: hostile.duration > 0 };
    request.resume().on('end', () => {
      const path = request.url ?? '';
      if (path.endsWith('/login')) {
        answer(200, { auth: { client_token: `hvs.${++logins}`, lease_duration: 3_600, renewable: true } });
      } else if (path.endsWith('/renew')) {
        renewals++;
        answer(200, { lease_id: 'x', ...lease });
      } else if (path.startsWith('/v1/creds/')) {
        const data = { username: `user ${++reads}`, padding };
        answer(200, { lease_id: `creds/${reads}`, ...lease, data });
      } else answer(500, { errors: ['no'] });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const hostile: HostileServer = {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    reads: () => reads,
    renewals: () => renewals,
    duration: 0,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
  return hostile;
}

function stateBytes({ stateFolder }: Keymount): number {
  const folder = join(stateFolder, 'leases');
  return readdirSync(folder).reduce(
    (sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
}

/** The most that the process had in memory so far, in bytes. */
function peak({ child }: Keymount): number {
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1];
  return Number(kib) * 1024;
}

describe('a server that a class chose, whose leases are large and without an end', () => {
  let kube: KubeApiServer;
  let hostile: HostileServer;
  let kubeconfig: string;
  before(async () => {
    kube = await startKubeApi();
    kubeconfig = writeKubeconfig(kube, scratchFolder('kube'));
    kube.podFeed.add(ownPod);
    hostile = await startHostileServer();
  });
  after(async () => {
    hostile.close();
    await kube.close();
  });

  const start = (folders: { socketFolder?: string; stateFolder?: string } = {}) =>
    startKeymount({
      ...folders,
      args: ['--kubeconfig', kubeconfig, '--node-name', 'node-1', '--pod-name', ownPod.name],
    });

  async function mount(keymount: Keymount, pod: Pod, object: object): Promise<string> {
    const parameters = classOf([{ objectName: 'file', secretPath: 'creds/app', ...object }], {
      vaultAddress: hostile.address,
    });
    const outcome = await keymount.mount('vault', requestOf(kube.issuer, { pod, parameters }));
    return 'code' in outcome ? (/\[([a-z-]+)\]/.exec(outcome.message)?.[1] ?? outcome.message) : 'ok';
  }

  it('leaves a key and a token of each pod, less once they are gone, and no start is the worse for it', async (t) => {
    let keymount = await start();
    const all = Array.from({ length: pods }, () => aPod({ namespace: 'attacker' }));
    for (const pod of all) {
      kube.podFeed.add(pod);
      assert.equal(await mount(keymount, pod, { secretKey: 'username' }), 'ok');
    }
    const living = stateBytes(keymount);
    for (const pod of all) kube.podFeed.remove(pod);
    await until(async () => (await keymount.metric('keymount_revocations_pending')) === pods, 20_000);
    await until(() => stateBytes(keymount) < living, 5_000);
    const gone = stateBytes(keymount);
    t.diagnostic(`state of ${pods} pods: ${living} bytes, ${gone} once they are gone`);
    assert.ok(living < pods * 4_096, String(living));
    const { socketFolder, stateFolder } = keymount;
    keymount.child.signal('SIGKILL');
    await keymount.child.ended;
    const begun = performance.now();
    keymount = await start({ socketFolder, stateFolder });
    t.diagnostic(`starts in ${Math.round(performance.now() - begun)} ms, with ${peak(keymount) >> 20} MiB at most`);
    assert.ok(peak(keymount) < memory / 1.5, String(peak(keymount)));
    await until(async () => (await keymount.metric('keymount_revocations_pending')) === pods, 20_000);
    await keymount.stop();
  });

  it('is refused where whole replies would have to be kept, and is not asked again', async () => {
    const keymount = await start();
    const pod = aPod({ namespace: 'attacker' });
    kube.podFeed.add(pod);
    assert.equal(await mount(keymount, pod, {}), 'too-many-credentials');
    const reads = hostile.reads();
    assert.equal(await mount(keymount, pod, {}), 'too-many-credentials');
    assert.equal(hostile.reads(), reads);
    assert.equal(await keymount.metric('keymount_lease_events_total{event="refused"}'), 1);
    assert.equal(await keymount.metric('keymount_leases'), 0);
    await keymount.stop();
  });

  it('is asked for four renewals of a lease in a minute, not for one each 0.67 s', async () => {
    hostile.duration = 1;
    const keymount = await start();
    const all = Array.from({ length: 4 }, () => aPod({ namespace: 'attacker' }));
    for (const pod of all) {
      kube.podFeed.add(pod);
      assert.equal(await mount(keymount, pod, { secretKey: 'username' }), 'ok');
    }
    const ended = performance.now() + 10_000;
    await until(() => performance.now() > ended, 11_000);
    assert.ok(hostile.renewals() <= 4 * all.length, String(hostile.renewals()));
    hostile.duration = 0;
    await keymount.stop();
  });
});

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { kubernetesRole } from '../lab/openbao-auth.ts';
import { eventually } from './cluster.ts';
import { type CredentialCluster, mounted, skipCredentials, startCredentialCluster } from './credential-cluster.ts';
import { credentialPod } from './credential-pod.ts';
import { isRunning, killKubelet } from './node.ts';
import { namespace } from './workload.ts';

/** Seconds that the token of a pod's login lives in OpenBao unless it is renewed. */
const tokenTtl = 12;
/** An app that needs three seconds to end. */
const slowEnd = 'trap "sleep 3; exit 0" TERM; sleep 2147483647 & wait';

describe('credentials end', { skip: skipCredentials(), timeout: 400_000 }, () => {
  let lab: CredentialCluster;

  before(async () => {
    lab = await startCredentialCluster(21);
    await kubernetesRole(lab.bao, { name: 'short-role', policies: ['app'], ttl: `${tokenTtl}s` });
    await lab.role('app', 3_600, 86_400);
    await lab.role('short', 3_600, 86_400, 'short-role');
  });

  after(async () => await lab?.stop());

  it('with a pod that is deleted, once its app has ended', async () => {
    await lab.start(credentialPod({ name: 'deleted', role: 'app', command: slowEnd, grace: 30 }));
    await lab.untilReady('deleted');
    await lab.kubectl('delete', 'pod', 'deleted', '--wait=false');
    await isKeptWhileItEnds('deleted');
    await lab.untilRoles(0, 10);
  });

  it('with a pod that is deleted by force', async () => {
    await lab.start(credentialPod({ name: 'forced', role: 'app', grace: 30 }));
    await lab.untilReady('forced');
    await lab.kubectl('delete', 'pod', 'forced', '--force', '--grace-period=0');
    await lab.untilRoles(0, 5);
  });

  it('with a pod that is evicted, once its app has ended', async () => {
    await lab.start(credentialPod({ name: 'evicted', role: 'app', command: slowEnd, grace: 30 }));
    await lab.untilReady('evicted');
    await evict('evicted');
    await isKeptWhileItEnds('evicted');
    await lab.untilRoles(0, 10);
  });

  it('with a pod that finished, failed or had its time, although it is still in the API', async () => {
    await lab.start(credentialPod({ name: 'finished', role: 'app', command: 'sleep 2' }));
    await lab.start(credentialPod({ name: 'failed', role: 'app', command: 'sleep 1; exit 1' }));
    await lab.start(credentialPod({ name: 'late', role: 'app', deadline: 4 }));
    await lab.untilRoles(0, 30);
    const phaseOf = (name: string) => lab.kubectl('get', 'pod', name, '-o', 'jsonpath={.status.phase}');
    assert.equal(await phaseOf('finished'), 'Succeeded');
    assert.equal(await phaseOf('failed'), 'Failed');
    assert.equal(await phaseOf('late'), 'Failed');
  });

  // The last one: nothing starts kubelet again.
  it('while the node is away, only with pods that are out of the API; without keymount too, when the token does', async () => {
    const [kept, forced] = ['away-kept', 'away-forced'];
    await lab.start(credentialPod({ name: kept, role: 'short', grace: 30 }));
    await lab.start(credentialPod({ name: forced, role: 'app', grace: 30 }));
    for (const name of [kept, forced]) await lab.untilReady(name);
    const containers = [await lab.containerId(kept), await lab.containerId(forced)];
    const user = await lab.read(kept, `${mounted}/username`);
    const both = await lab.roles();

    await killKubelet(lab.cluster);
    const killed = Date.now();
    await lab.kubectl('delete', 'pod', forced, '--wait=false');
    const ready = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}';
    await eventually('node that is given up', 60, async () => {
      assert.deepEqual(await lab.roles(), both);
      return (await lab.kubectl('get', 'node', 'csi-node', '-o', ready)) === 'Unknown' ? true : undefined;
    });
    await sleep(Math.max(0, killed + (tokenTtl + 5) * 1000 - Date.now())); // without a renewal the token would have ended
    assert.deepEqual(await lab.roles(), both);
    assert.match(await lab.kubectl('get', 'pods', '-o', 'name'), /away-forced\s+pod\/away-kept/);
    for (const id of containers) assert.ok(await isRunning(lab.cluster, id));

    await lab.kubectl('delete', 'pod', forced, '--force', '--grace-period=0');
    await lab.untilRoles(1, 5);
    assert.deepEqual(await lab.roles(), [user]);

    await lab.killKeymount();
    await sleep(2_000); // it renews with a quarter of the time left at least
    assert.deepEqual(await lab.roles(), [user]);
    await lab.untilRoles(0, tokenTtl);
    assert.ok(await isRunning(lab.cluster, containers[0] ?? ''));
  });

  async function isKeptWhileItEnds(name: string): Promise<void> {
    const marked = await lab.kubectl('get', 'pod', name, '-o', 'jsonpath={.metadata.deletionTimestamp}');
    assert.notEqual(marked, '');
    await sleep(1_500);
    assert.ok(await isRunning(lab.cluster, await lab.containerId(name)));
    assert.equal((await lab.roles()).length, 1);
  }

  async function evict(name: string): Promise<void> {
    const file = join(lab.cluster.state, 'eviction.json');
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } };
    await writeFile(file, JSON.stringify(eviction));
    await lab.kubectl('create', '--raw', `/api/v1/namespaces/${namespace}/pods/${name}/eviction`, '-f', file);
  }
});

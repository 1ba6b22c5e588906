import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CredentialCluster, mounted, skipCredentials, startCredentialCluster } from './credential-cluster.ts';
import { credentialPod } from './credential-pod.ts';
import { probeLogins } from './login-probe.ts';

describe('credentials of pods on a Kubernetes node', { skip: skipCredentials(), timeout: 400_000 }, () => {
  let lab: CredentialCluster;

  before(async () => {
    lab = await startCredentialCluster(20);
    await lab.role('app', 3_600, 86_400);
    await lab.role('minute', 60, 60);
  });

  after(async () => await lab?.stop());

  it('are kept through a kill -9, and end within 10 s of the start with a pod that went meanwhile', async () => {
    for (const name of ['stays', 'goes']) {
      await lab.start(credentialPod({ name, role: 'app' }));
      await lab.untilReady(name);
    }
    const before = await lab.read('stays', `${mounted}/username`);
    await lab.killKeymount();
    await lab.kubectl('delete', 'pod', 'goes');
    await lab.startKeymount();
    await lab.untilRoles(1, 10);
    assert.deepEqual(await lab.roles(), [before]);
    await sleep(12_000); // some republishes
    assert.equal(await lab.read('stays', `${mounted}/username`), before);
    assert.deepEqual(await lab.roles(), [before]);
    await lab.kubectl('delete', 'pod', 'stays');
    await lab.untilRoles(0, 5);
  });

  it('of a max_ttl of 60 s log in at every instant, with a rotation-poll-interval of 5 s', async () => {
    await lab.start(credentialPod({ name: 'minute', role: 'minute' }));
    await lab.untilReady('minute');
    const { held, failures } = await probeLogins(lab, 'minute', 100);
    assert.deepEqual(failures, []);
    assert.ok(held.length >= 2 && held.length <= 9, `${held.length} credentials in 100 s`);
    await lab.kubectl('delete', 'pod', 'minute');
    await lab.untilRoles(0, 5);
  });
});

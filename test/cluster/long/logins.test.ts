import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { kubernetesRole } from '../../lab/openbao-auth.ts';
import { type CredentialCluster, skipCredentials, startCredentialCluster } from '../credential-cluster.ts';
import { credentialPod } from '../credential-pod.ts';
import { probeLogins } from '../login-probe.ts';
import { type ObjectVersions, watchObjectVersions } from '../object-versions.ts';
import { namespace } from '../workload.ts';

/** Seconds. The CSIDriver of the cluster asks for tokens of ten minutes, the least that Kubernetes gives: three of their lives. */
const podToken = 600;
const length = 3 * podToken + 220;
/** Seconds: kubelet asks for the next token after four fifths of a life. */
const nextToken = 0.8 * podToken;

describe('credentials of logins with pod tokens of ten minutes', {
  skip: skipCredentials(),
  timeout: (length + 300) * 1000,
}, () => {
  let lab: CredentialCluster;

  before(async () => {
    lab = await startCredentialCluster(25);
    const more = { token_max_ttl: '24h' };
    await kubernetesRole(lab.bao, { name: 'kept', policies: ['app'], ttl: '7m', more });
    await lab.role('kept', 3_600, 86_400, 'kept');
  });

  after(async () => await lab?.stop());

  it('log in at every instant over three lives of a token, and are replaced no oftener than there is another', async (t) => {
    const versions: ObjectVersions[] = [];
    const done = new AbortController();
    const watch = watchObjectVersions(lab.cluster, namespace, (seen) => versions.push(seen), done.signal);
    await lab.start(credentialPod({ name: 'kept', role: 'kept' }));
    await lab.untilReady('kept');
    const began = Date.now();
    const { held, looks, failures } = await probeLogins(lab, 'kept', length);
    done.abort();
    await watch;
    t.diagnostic(`${looks} logins, ${failures.length} refused`);
    for (const { user, from } of held) t.diagnostic(`${user} from ${Math.round((from - began) / 1000)} s`);
    assert.deepEqual(failures, []);
    assert.ok(held.length >= 3 && held.length <= 1 + Math.ceil(length / nextToken), `${held.length} credentials`);
    assert.equal(versions.length, held.length);
    // The pod's end ends them all, also one whose token was replaced.
    await lab.kubectl('delete', 'pod', 'kept', '--wait=false');
    await lab.untilRoles(0, 20);
  });
});

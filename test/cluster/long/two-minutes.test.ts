import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CredentialCluster, skipCredentials, startCredentialCluster } from '../credential-cluster.ts';
import { credentialPod } from '../credential-pod.ts';
import { type Probe, probeLogins } from '../login-probe.ts';
import { type ObjectVersions, watchObjectVersions } from '../object-versions.ts';
import { namespace } from '../workload.ts';

/** Seconds. Each pod gets a second and a third credential in that time, and the first two end. */
const length = 16 * 60;
const maxTtl = 8 * 60;
/** The two sorts of roles that docs/leases.md says can be kept with these intervals, by their `default_ttl` in seconds. */
const roles = { whole: maxTtl, renewed: 6 * 60 };
const pods = Object.keys(roles);

/** Seconds in which the driver has written the files and then says so. */
const lag = 5;

describe('credentials of a max_ttl of 8 min, with a rotation-poll-interval of 2 min', {
  skip: skipCredentials(),
  timeout: (length + 200) * 1000,
}, () => {
  let lab: CredentialCluster;

  before(async () => {
    lab = await startCredentialCluster(23, { poll: '2m', sync: '1m' });
    for (const [name, ttl] of Object.entries(roles)) await lab.role(name, ttl, maxTtl);
  });

  after(async () => await lab?.stop());

  it('log in at every instant, and bytes and versions change only with a new credential', async (t) => {
    const start = Date.now();
    const versions: ObjectVersions[] = [];
    const done = new AbortController();
    const watch = watchObjectVersions(lab.cluster, namespace, (seen) => versions.push(seen), done.signal);
    const lives = followUsers(done.signal);
    const looks = startAndProbe().finally(() => done.abort());
    const [probes, users] = await Promise.all([looks, lives, watch]);
    tell(t, start, probes, users);
    for (const { pod, at } of versions) t.diagnostic(`versions of ${pod} from ${Math.round((at - start) / 1000)} s`);
    for (const [index, pod] of pods.entries()) {
      const { held, failures } = probes[index] ?? assert.fail();
      assert.deepEqual(failures, []);
      assert.ok(held.length >= 2, `${held.length} credentials`);
      changesAgree(
        held.map(({ from }) => from),
        versions.filter((seen) => seen.pod === pod),
      );
    }
    const held = probes.flatMap((probe) => probe.held.map(({ user }) => user));
    assert.deepEqual([...users.keys()].sort(), held.sort(), 'issued, and in a file at some time');
    for (const { held } of probes) await replacedOnesEndByThemselves(held, users);
  });

  async function startAndProbe(): Promise<Probe[]> {
    for (const name of pods) {
      await lab.start(credentialPod({ name, role: name }));
      await lab.untilReady(name);
    }
    return await Promise.all(pods.map((pod) => probeLogins(lab, pod, length)));
  }

  /** Every second: first and last time that each user was there. */
  async function followUsers(signal: AbortSignal): Promise<Map<string, Life>> {
    const users = new Map<string, Life>();
    while (!signal.aborted) {
      const now = Date.now();
      for (const user of await lab.roles()) users.set(user, { first: users.get(user)?.first ?? now, last: now });
      await sleep(1_000);
    }
    return users;
  }

  /** As long as the app may still hold it, and no longer. */
  async function replacedOnesEndByThemselves(held: Probe['held'], users: Map<string, Life>): Promise<void> {
    const [{ user, password }, next] = [held[0] ?? assert.fail(), held[1] ?? assert.fail()];
    const { first, last } = users.get(user) ?? assert.fail();
    assert.ok(last > next.from, `${user} was ended under the app`);
    const life = (last - first) / 1000;
    assert.ok(Math.abs(life - maxTtl) < 10, `${user} lived ${life} s`);
    assert.ok(!(await lab.postgres.canLogIn(user, password)));
  }
});

/** When a user was first and last seen. */
interface Life {
  readonly first: number;
  readonly last: number;
}

/** The versions changed as often as the bytes and at the same times, and no version came twice. */
function changesAgree(bytes: readonly number[], versions: readonly ObjectVersions[]): void {
  assert.equal(new Set(versions.map((seen) => seen.versions)).size, versions.length);
  assert.equal(versions.length, bytes.length);
  for (const [index, { at }] of versions.entries()) {
    const since = bytes[index] ?? assert.fail();
    // the first look at a file comes after its version, all others before
    if (index > 0) assert.ok(Math.abs(at - since) < lag * 1000, `bytes at ${since}, version at ${at}`);
  }
}

function tell(t: TestContext, start: number, probes: readonly Probe[], users: Map<string, Life>): void {
  const at = (time: number) => `${Math.round((time - start) / 1000)} s`;
  for (const { looks, failures, held } of probes) {
    t.diagnostic(`${looks} logins, ${failures.length} refused`);
    for (const { user, from } of held) {
      const life = users.get(user);
      t.diagnostic(`${user}: in the file from ${at(from)}, lived ${at(life?.first ?? 0)} to ${at(life?.last ?? 0)}`);
    }
  }
}

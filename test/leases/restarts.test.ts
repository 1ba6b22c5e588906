import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import type { Keymount } from '../e2e/keymount.ts';
import { until } from '../e2e/until.ts';
import type { Pod } from '../lab/pod.ts';
import { requiresPostgres } from '../lab/postgres.ts';
import { type LabProxy, startProxy } from '../lab/proxy.ts';
import { requires } from '../lab/tools.ts';
import { counted, dbObjects, handOver, type LeaseLab, type Mounted, startLeaseLab } from './lab.ts';

const skip = requires('bao').skip || requiresPostgres().skip;

describe('a keymount that starts again', { skip }, () => {
  let lab: LeaseLab;
  let proxy: LabProxy;
  let keymount: Keymount;
  let pods: Pod[];
  before(async () => {
    lab = await startLeaseLab();
    await lab.dbRole('short', 4, 600);
    proxy = await startProxy(lab.bao.address);
  });
  after(async () => {
    await proxy.close();
    await lab.stop();
  });
  beforeEach(async () => {
    keymount = await lab.keymount({ address: proxy.address });
    pods = [];
    proxy.reset();
  });
  afterEach(async () => {
    for (const pod of pods)
      if (lab.kube.pods.get(`${pod.namespace}/${pod.name}`)?.uid === pod.uid) lab.kube.podFeed.remove(pod);
    await lab.untilRoles(0, 15_000);
    await keymount.stop();
  });

  const aPod = () => {
    const pod = lab.pod();
    pods.push(pod);
    return pod;
  };
  const kill = async () => {
    keymount.child.signal('SIGKILL');
    await keymount.child.ended;
  };
  const again = async () => {
    const { socketFolder, stateFolder } = keymount;
    keymount = await lab.keymount({ address: proxy.address, socketFolder, stateFolder });
  };
  const asked = () => [proxy.count(/\/login$/), proxy.count(/database\/creds/)];

  it('after SIGKILL logs nobody in, issues nothing, goes on renewing, and ends the pod that went meanwhile in 10 s', async () => {
    const [stays, goes] = [aPod(), aPod()];
    const first = await lab.mount(keymount, stays, dbObjects('short'));
    await lab.mount(keymount, goes);
    await kill();
    lab.kube.podFeed.remove(goes);
    proxy.reset();
    const started = performance.now();
    await again();
    await lab.untilRoles(1, 10_000);
    assert.ok(performance.now() - started < 10_000);
    // more than its ttl of 4 s
    await new Promise((resolve) => setTimeout(resolve, 5_500));
    assert.deepEqual(await lab.mount(keymount, stays, dbObjects('short')), first);
    assert.ok(await lab.postgres.canLogIn(first.files['user'] ?? '', first.files['password'] ?? ''));
    assert.deepEqual(asked(), [0, 0]);
    assert.ok(proxy.count(/sys\/leases\/renew/) >= 1);
  });

  it('after SIGTERM has revoked nothing, and the next one logs nobody in', async () => {
    const pod = aPod();
    const first = await lab.mount(keymount, pod);
    assert.equal(await keymount.stop(), 0);
    assert.equal(proxy.count(/revoke/), 0);
    assert.equal((await lab.postgres.liveRoles()).length, 1);
    proxy.reset();
    await again();
    assert.deepEqual(await lab.mount(keymount, pod), first);
    assert.deepEqual(asked(), [0, 0]);
  });

  it('stops in time although a revocation waits for a server that is away, which the next one makes', async () => {
    const pod = aPod();
    await lab.mount(keymount, pod);
    proxy.faults({ match: /revoke-self/, status: 503 });
    lab.kube.podFeed.remove(pod);
    await until(() => proxy.count(/revoke-self/) >= 4, 10_000);
    const started = performance.now();
    assert.equal(await keymount.stop(), 0);
    assert.ok(performance.now() - started < 2_000);
    proxy.faults();
    await again();
    await lab.untilRoles(0, 10_000);
  });

  it('stops in time although a renewal has no answer', async () => {
    const pod = aPod();
    await lab.mount(keymount, pod, dbObjects('short'));
    proxy.faults({ match: /leases\/renew/, hang: true });
    await until(() => proxy.count(/leases\/renew/) >= 1, 10_000);
    const started = performance.now();
    assert.equal(await keymount.stop(), 0);
    assert.ok(performance.now() - started < 2_000);
    proxy.faults();
    await again();
  });

  it('killed at any moment leaves nothing behind that outlives its pod', async () => {
    const random = mulberry(6);
    const served = new Map<string, Mounted>();
    for (let round = 0; round < 8; round++) {
      const pod = aPod();
      // a login, an issue and a save take some 50 ms; the delay makes each of their steps last
      proxy.faults({ delay: 20 });
      const mounting = lab.mount(keymount, pod).then(
        (answer) => served.set(pod.uid, answer),
        () => {},
      );
      await new Promise((resolve) => setTimeout(resolve, random() * 200));
      await kill();
      await mounting;
      proxy.faults();
      await again();
      const now = await lab.mount(keymount, pod);
      assert.deepEqual(now, served.get(pod.uid) ?? now, 'what a pod was given is what it has');
      served.set(pod.uid, now);
    }
    assert.ok((await lab.postgres.liveRoles()).length >= 8);
    for (const pod of pods) assert.deepEqual(await lab.mount(keymount, pod), served.get(pod.uid));
  });

  it('hands its state to a newer one that serves beside it, which renews and revokes from then on', async () => {
    const pod = aPod();
    const first = await lab.mount(keymount, pod, dbObjects('short'));
    const old = keymount;
    proxy.reset();
    await again();
    assert.ok(old.child.isRunning());
    assert.equal(old.log().filter(({ event }) => event === 'state-handed-over').length, 1);
    assert.equal(keymount.log().filter(({ event }) => event === 'state-taken-over').length, 1);
    assert.deepEqual(await lab.mount(old, pod, dbObjects('short')), first);
    await new Promise((resolve) => setTimeout(resolve, 4_500));
    assert.equal(await counted(old, 'renewed'), 0);
    assert.ok((await counted(keymount, 'renewed')) >= 1);
    assert.deepEqual(await lab.mount(keymount, pod, dbObjects('short')), first);
    assert.deepEqual(asked(), [0, 0]);
    lab.kube.podFeed.remove(pod);
    await lab.untilRoles(0);
    assert.equal(await counted(old, 'revoked'), 0);
    assert.equal(await old.stop(), 0);
  });

  it('renews nothing after it handed its state over to whoever asks for it', async () => {
    const pod = aPod();
    await lab.mount(keymount, pod, dbObjects('short'));
    await handOver(keymount.socketFolder);
    proxy.reset();
    await new Promise((resolve) => setTimeout(resolve, 5_500));
    assert.equal(proxy.count(/renew/), 0);
    await keymount.stop();
    await again();
  });

  it('sets a state file aside that is corrupt or of a newer keymount, says so, and serves', async () => {
    const pod = aPod();
    await lab.mount(keymount, pod);
    await kill();
    const folder = join(keymount.stateFolder, 'leases');
    const [name = ''] = readdirSync(folder);
    const record = readFileSync(join(folder, name));
    writeFileSync(join(folder, 'a'.repeat(64)), 'nonsense');
    writeFileSync(join(folder, 'b'.repeat(64)), Buffer.concat([Buffer.from('KMLS\x09'), Buffer.alloc(60)]));
    // cut off, as by a full disk
    writeFileSync(join(folder, 'c'.repeat(64)), record.subarray(0, record.length - 9));
    proxy.reset();
    await again();
    const told = keymount.log().filter(({ event }) => event === 'lease-state-set-aside');
    assert.equal(told.length, 3);
    assert.match(JSON.stringify(told), /a newer keymount wrote it/);
    await lab.mount(keymount, pod);
    assert.deepEqual(asked(), [0, 0]);
    assert.deepEqual(readdirSync(folder).filter((each) => each.endsWith('.unusable')).length, 3);
    assert.equal(statSync(folder).mode & 0o777, 0o700);
  });
});

/** The same numbers each time. */
function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

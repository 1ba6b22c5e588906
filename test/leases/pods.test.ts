import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { Keymount } from '../e2e/keymount.ts';
import { until } from '../e2e/until.ts';
import { aPod } from '../lab/pod.ts';
import { requiresPostgres } from '../lab/postgres.ts';
import { type LabProxy, startProxy } from '../lab/proxy.ts';
import { requires } from '../lab/tools.ts';
import { counted, type LeaseLab, type Mounted, startLeaseLab } from './lab.ts';

const skip = requires('bao').skip || requiresPostgres().skip;

describe('credentials and their pods', { skip }, () => {
  let lab: LeaseLab;
  let proxy: LabProxy;
  let keymount: Keymount;
  before(async () => {
    lab = await startLeaseLab();
    proxy = await startProxy(lab.bao.address);
    keymount = await lab.keymount({ address: proxy.address });
  });
  after(async () => {
    await proxy.close();
    await lab.stop();
  });
  beforeEach(() => proxy.reset());
  const logins = () => proxy.count(/\/login$/);
  const issues = () => proxy.count(/database\/creds/);

  it('10 pods with 10 republishes each have 10 credentials, unchanged, and none 5 s after the pods are deleted', async () => {
    const pods = Array.from({ length: 10 }, () => lab.pod());
    const first = await Promise.all(pods.map((pod) => lab.mount(keymount, pod)));
    for (let round = 0; round < 10; round++) {
      assert.deepEqual(await Promise.all(pods.map((pod) => lab.mount(keymount, pod))), first);
    }
    assert.deepEqual(await lab.postgres.liveRoles(), first.map(({ files }) => files['user']).sort());
    for (const { files } of first) assert.ok(await lab.postgres.canLogIn(files['user'] ?? '', files['password'] ?? ''));
    assert.deepEqual([logins(), issues()], [10, 10]);
    for (const pod of pods) lab.kube.podFeed.remove(pod);
    await lab.untilRoles(0, 5_000);
    await until(async () => (await counted(keymount, 'revoked')) === 10);
    assert.equal(await keymount.metric('keymount_leases'), 0);
  });

  it('a Mount that fails on its second object makes one credential in 5 tries, which is used when that is mended', async () => {
    const pod = lab.pod();
    const objects = [
      { objectName: 'user', secretPath: 'database/creds/app', secretKey: 'username' },
      { objectName: 'conf', secretPath: 'secret/data/shop/late', secretKey: 'conf' },
    ];
    for (let tries = 0; tries < 5; tries++) await assert.rejects(lab.mount(keymount, pod, objects), /NOT_FOUND/);
    const [role] = await lab.postgres.liveRoles();
    await lab.bao.putKv2('shop/late', { conf: 'here' });
    assert.deepEqual((await lab.mount(keymount, pod, objects)).files, { user: role, conf: 'here' });
    assert.equal((await lab.postgres.liveRoles()).length, 1);
    assert.deepEqual([logins(), issues()], [1, 1]);
    lab.kube.podFeed.remove(pod);
    await lab.untilRoles(0);
  });

  it('two volumes of a pod share its token, and so its credential', async () => {
    const pod = lab.pod();
    const [one, two] = await Promise.all([lab.mount(keymount, pod), lab.mount(keymount, pod)]);
    assert.deepEqual(one, two);
    assert.equal(logins(), 1);
    lab.kube.podFeed.remove(pod);
    await lab.untilRoles(0);
  });

  it('nothing is revoked while the API server is away, breaks watches or forgets their history', async () => {
    const pod = lab.pod();
    const first = await lab.mount(keymount, pod);
    await lab.kube.goAway();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await lab.kube.comeBack();
    lab.kube.podFeed.cut();
    lab.kube.podFeed.forgetHistory();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    assert.deepEqual(await lab.mount(keymount, pod), first);
    assert.equal((await lab.postgres.liveRoles()).length, 1);
    // and it sees the end all the same
    lab.kube.podFeed.remove(pod);
    await lab.untilRoles(0, 10_000);
  });

  it('nothing is revoked of a static pod when its mirror goes', async () => {
    // kubelet knows the pod by the hash of its file; what the API has is a mirror with a uid of its own
    const uid = '0123456789abcdef0123456789abcdef';
    const mirror = aPod({ name: 'static-node-1' });
    const annotations = { 'kubernetes.io/config.mirror': uid, 'kubernetes.io/config.hash': uid };
    lab.kube.podFeed.add(mirror, { annotations });
    await lab.mount(keymount, { ...mirror, uid });
    lab.kube.podFeed.remove(mirror);
    lab.kube.podFeed.cut();
    lab.kube.podFeed.forgetHistory();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    assert.equal((await lab.postgres.liveRoles()).length, 1);
    await lab.bao.write('sys/leases/revoke-prefix/database/creds/app');
    await lab.untilRoles(0);
  });

  it('a revocation is tried again while OpenBao is sealed, and done when it is not', async () => {
    const pod = lab.pod();
    await lab.mount(keymount, pod);
    await lab.bao.seal();
    lab.kube.podFeed.remove(pod);
    await until(() => proxy.count(/revoke-self/) >= 2, 10_000);
    assert.equal((await lab.postgres.liveRoles()).length, 1);
    await lab.bao.unseal();
    await lab.untilRoles(0, 20_000);
    assert.equal(await counted(keymount, 'revocation-failed'), 0);
  });
});

describe('where the ends of pods cannot be proven', { skip }, () => {
  let lab: LeaseLab;
  before(async () => {
    lab = await startLeaseLab();
  });
  after(() => lab.stop());

  it('because the name of the node is wrong, nothing is revoked, and the log says why', async () => {
    const keymount = await lab.keymount({ node: 'node-2' });
    const pod = lab.pod();
    await lab.mount(keymount, pod);
    await until(() => keymount.log().some(({ event }) => event === 'pods-not-watched'));
    assert.match(
      JSON.stringify(keymount.log().find(({ event }) => event === 'pods-not-watched')),
      /do not include keymount's own pod/,
    );
    assert.equal((await lab.postgres.liveRoles()).length, 1);
    assert.deepEqual(Object.keys((await lab.mount(keymount, pod)).files), ['user', 'password']);
  });

  it('because RBAC forbids it, credentials are kept all the same, and the log says what that costs', async () => {
    lab.kube.fault = (call) =>
      call.startsWith('GET /api/v1/pods')
        ? { status: 403, reason: 'Forbidden', message: 'pods is forbidden' }
        : undefined;
    const keymount = await lab.keymount();
    const pod = lab.pod();
    const first = await lab.mount(keymount, pod);
    await until(() => keymount.log().some(({ event }) => event === 'pods-not-watched'));
    assert.match(
      JSON.stringify(keymount.log().find(({ event }) => event === 'pods-not-watched')),
      /needs to list and watch pods.*not revoked, they live until their own end/,
    );
    lab.kube.podFeed.remove(pod);
    assert.deepEqual(await lab.mount(keymount, pod), first);
    lab.kube.fault = () => undefined;
  });
});

describe('very many pods', { skip }, () => {
  let lab: LeaseLab;
  before(async () => {
    lab = await startLeaseLab();
  });
  after(() => lab.stop());

  it('250 pods keep theirs when keymount is killed, and the end of 60 does not keep a new pod waiting', async () => {
    const proxy = await startProxy(lab.bao.address);
    let keymount = await lab.keymount({ address: proxy.address });
    const pods = Array.from({ length: 250 }, () => lab.pod());
    const answers: Mounted[] = [];
    for (let start = 0; start < pods.length; start += 50) {
      answers.push(...(await Promise.all(pods.slice(start, start + 50).map((pod) => lab.mount(keymount, pod)))));
    }
    assert.equal(new Set(answers.map(({ files }) => files['user'])).size, 250);
    assert.equal((await lab.postgres.liveRoles()).length, 250);
    assert.equal(await keymount.metric('keymount_leases'), 250);
    keymount.child.signal('SIGKILL');
    await keymount.child.ended;
    proxy.reset();
    const { socketFolder, stateFolder } = keymount;
    keymount = await lab.keymount({ address: proxy.address, socketFolder, stateFolder });
    const again = await Promise.all(pods.map((pod) => lab.mount(keymount, pod)));
    assert.deepEqual(again, answers);
    assert.deepEqual([proxy.count(/\/login$/), proxy.count(/database\/creds/)], [0, 0]);
    for (const pod of pods.slice(0, 60)) lab.kube.podFeed.remove(pod);
    await until(async () => (await counted(keymount, 'revoked')) > 0);
    const started = performance.now();
    const late = lab.pod();
    await lab.mount(keymount, late);
    assert.ok(performance.now() - started < 3_000);
    await lab.untilRoles(191, 20_000);
    await proxy.close();
  });
});

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Keymount } from '../e2e/keymount.ts';
import { until } from '../e2e/until.ts';
import type { Pod } from '../lab/pod.ts';
import { requiresPostgres } from '../lab/postgres.ts';
import { type LabProxy, startProxy } from '../lab/proxy.ts';
import { requires } from '../lab/tools.ts';
import { counted, dbObjects, handOver, type LeaseLab, type Mounted, startLeaseLab } from './lab.ts';

const skip = requires('bao').skip || requiresPostgres().skip;

/** A keymount of a test, with a way to OpenBao and a database role of its own. */
interface Scene {
  readonly proxy: LabProxy;
  /** The one that runs now. */
  readonly keymount: () => Keymount;
  /** ttl 20 s, the least that is renewed; max_ttl 600 s. */
  readonly role: string;
  readonly kill: () => Promise<void>;
  /** Another process in the same folders. */
  readonly again: () => Promise<void>;
  readonly mount: (pod: Pod, by?: Keymount) => Promise<Mounted>;
  /** Logins and issues that OpenBao was asked for. */
  readonly asked: () => number[];
  readonly untilRoles: (count: number, milliseconds?: number) => Promise<void>;
}

describe('a keymount that starts again', { skip, concurrency: 3 }, () => {
  let lab: LeaseLab;
  let scenes = 0;
  before(async () => {
    lab = await startLeaseLab();
  });
  after(() => lab.stop());

  function scene(title: string, play: (scene: Scene) => Promise<void>) {
    it(title, async () => {
      const role = `scene${++scenes}`;
      const objects = dbObjects(role);
      await lab.dbRole(role, 20, 600);
      const proxy = await startProxy(lab.bao.address);
      let keymount = await lab.keymount({ address: proxy.address });
      await play({
        proxy,
        keymount: () => keymount,
        role,
        async kill() {
          keymount.child.signal('SIGKILL');
          await keymount.child.ended;
        },
        async again() {
          const { socketFolder, stateFolder } = keymount;
          keymount = await lab.keymount({ address: proxy.address, socketFolder, stateFolder });
        },
        mount: (pod, by = keymount) => lab.mount(by, pod, objects),
        asked: () => [proxy.count(/\/login$/), proxy.count(/database\/creds/)],
        untilRoles: (count, milliseconds) => lab.untilRoles(count, milliseconds, role),
      });
      await keymount.stop();
      await proxy.close();
    });
  }

  scene(
    'after SIGKILL logs nobody in, issues nothing, goes on renewing, and ends the pod that went meanwhile in 10 s',
    async ({ proxy, kill, again, mount, asked, untilRoles }) => {
      const [stays, goes] = [lab.pod(), lab.pod()];
      const first = await mount(stays);
      await mount(goes);
      await kill();
      lab.kube.podFeed.remove(goes);
      proxy.reset();
      const started = performance.now();
      await again();
      await untilRoles(1, 10_000);
      assert.ok(performance.now() - started < 10_000);
      // more than its ttl
      await new Promise((resolve) => setTimeout(resolve, 20_500));
      assert.deepEqual(await mount(stays), first);
      assert.ok(await lab.postgres.canLogIn(first.files['user'] ?? '', first.files['password'] ?? ''));
      assert.deepEqual(asked(), [0, 0]);
      assert.ok(proxy.count(/sys\/leases\/renew/) >= 1);
    },
  );

  scene(
    'after SIGTERM has revoked nothing, and the next one logs nobody in',
    async ({ proxy, keymount, again, mount, asked, role }) => {
      const pod = lab.pod();
      const first = await mount(pod);
      assert.equal(await keymount().stop(), 0);
      assert.equal(proxy.count(/revoke/), 0);
      assert.equal((await lab.roles(role)).length, 1);
      proxy.reset();
      await again();
      assert.deepEqual(await mount(pod), first);
      assert.deepEqual(asked(), [0, 0]);
    },
  );

  scene(
    'stops in time although a revocation waits for a server that is away, which the next one makes',
    async ({ proxy, keymount, again, mount, untilRoles }) => {
      const pod = lab.pod();
      await mount(pod);
      proxy.faults({ match: /revoke-self/, status: 503 });
      lab.kube.podFeed.remove(pod);
      await until(() => proxy.count(/revoke-self/) >= 4, 10_000);
      const started = performance.now();
      assert.equal(await keymount().stop(), 0);
      assert.ok(performance.now() - started < 2_000);
      proxy.faults();
      await again();
      await untilRoles(0, 10_000);
    },
  );

  scene('stops in time although a renewal has no answer', async ({ proxy, keymount, again, mount }) => {
    const pod = lab.pod();
    await mount(pod);
    proxy.faults({ match: /leases\/renew/, hang: true });
    await until(() => proxy.count(/leases\/renew/) >= 1, 20_000);
    const started = performance.now();
    assert.equal(await keymount().stop(), 0);
    assert.ok(performance.now() - started < 2_000);
    proxy.faults();
    await again();
  });

  scene(
    'killed at any moment leaves nothing behind that outlives its pod',
    async ({ proxy, kill, again, mount, untilRoles, role }) => {
      // so long that nothing ends by itself meanwhile
      await lab.dbRole(role, 600, 3_600);
      const random = mulberry(6);
      const served = new Map<string, Mounted>();
      const pods: Pod[] = [];
      for (let round = 0; round < 8; round++) {
        const pod = lab.pod();
        pods.push(pod);
        // a login, an issue and a save take some 50 ms; the delay makes each of their steps last
        proxy.faults({ delay: 20 });
        const mounting = mount(pod).then(
          (answer) => served.set(pod.uid, answer),
          () => {},
        );
        await new Promise((resolve) => setTimeout(resolve, random() * 200));
        await kill();
        await mounting;
        proxy.faults();
        await again();
        const now = await mount(pod);
        assert.deepEqual(now, served.get(pod.uid) ?? now, 'what a pod was given is what it has');
        served.set(pod.uid, now);
      }
      assert.ok((await lab.roles(role)).length >= 8);
      for (const pod of pods) assert.deepEqual(await mount(pod), served.get(pod.uid));
      for (const pod of pods) lab.kube.podFeed.remove(pod);
      await untilRoles(0, 10_000);
    },
  );

  scene(
    'hands its state to a newer one that serves beside it, which renews and revokes from then on',
    async ({ proxy, keymount, again, mount, asked, untilRoles }) => {
      const pod = lab.pod();
      const first = await mount(pod);
      const old = keymount();
      proxy.reset();
      await again();
      const renewed = await counted(old, 'renewed');
      assert.ok(old.child.isRunning());
      assert.equal(old.log().filter(({ event }) => event === 'state-handed-over').length, 1);
      assert.equal(
        keymount()
          .log()
          .filter(({ event }) => event === 'state-taken-over').length,
        1,
      );
      assert.deepEqual(await mount(pod, old), first);
      await new Promise((resolve) => setTimeout(resolve, 20_000));
      assert.equal(await counted(old, 'renewed'), renewed);
      assert.ok((await counted(keymount(), 'renewed')) >= 1);
      assert.deepEqual(await mount(pod), first);
      assert.deepEqual(asked(), [0, 0]);
      lab.kube.podFeed.remove(pod);
      await untilRoles(0);
      assert.equal(await counted(old, 'revoked'), 0);
      assert.equal(await old.stop(), 0);
    },
  );

  scene(
    'renews nothing after it handed its state over to whoever asks for it',
    async ({ proxy, keymount, again, mount }) => {
      const pod = lab.pod();
      await mount(pod);
      await handOver(keymount().socketFolder);
      proxy.reset();
      await new Promise((resolve) => setTimeout(resolve, 21_000));
      assert.equal(proxy.count(/renew/), 0);
      await keymount().stop();
      await again();
    },
  );

  scene(
    'sets a state file aside that is corrupt or of a newer keymount, says so, and serves',
    async ({ proxy, keymount, kill, again, mount, asked }) => {
      const pod = lab.pod();
      await mount(pod);
      await kill();
      const folder = join(keymount().stateFolder, 'leases');
      const [name = ''] = readdirSync(folder);
      const record = readFileSync(join(folder, name));
      writeFileSync(join(folder, 'a'.repeat(64)), 'nonsense');
      writeFileSync(join(folder, 'b'.repeat(64)), Buffer.concat([Buffer.from('KMLS\x09'), Buffer.alloc(60)]));
      // cut off, as by a full disk
      writeFileSync(join(folder, 'c'.repeat(64)), record.subarray(0, record.length - 9));
      proxy.reset();
      await again();
      const told = keymount()
        .log()
        .filter(({ event }) => event === 'lease-state-set-aside');
      assert.equal(told.length, 3);
      assert.match(JSON.stringify(told), /a newer keymount wrote it/);
      await mount(pod);
      assert.deepEqual(asked(), [0, 0]);
      assert.deepEqual(readdirSync(folder).filter((each) => each.endsWith('.unusable')).length, 3);
      assert.equal(statSync(folder).mode & 0o777, 0o700);
    },
  );
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

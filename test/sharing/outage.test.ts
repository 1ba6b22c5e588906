import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type FakeVault, json, loginCall, secretCall, startFakeVault } from '../e2e/fake-vault.ts';
import { canaries, type Keymount, startKeymount } from '../e2e/keymount.ts';
import { assertRefused } from '../e2e/messages.ts';
import { passwordClass, requestOf } from '../e2e/requests.ts';
import { until } from '../e2e/until.ts';
import { type MountFailure, type MountReply, texts } from '../lab/grpc-client.ts';
import { aPod, type Pod } from '../lab/pod.ts';
import { createTokenIssuer } from '../lab/pod-token.ts';
import { requires } from '../lab/tools.ts';
import { kubernetesClass, logins, type SharingLab, startSharingLab } from './lab.ts';

type Outcome = MountReply | MountFailure;

describe('an outage of OpenBao under many pods', requires('bao', 'fakekube'), () => {
  const pods = Array.from({ length: 60 }, (_, index) => aPod({ serviceAccount: `app-${index}` }));
  let lab: SharingLab;
  let keymount: Keymount;
  before(async () => {
    lab = await startSharingLab();
    for (const name of ['a', 'b', 'c']) await lab.bao.putKv2(`shop/${name}`, { k: name });
    keymount = await lab.keymount(['--refresh-interval', '500ms']);
  });
  after(async () => {
    await keymount.stop();
    await lab.stop();
  });
  afterEach(() => lab.proxy.faults());

  const parameters = kubernetesClass(
    ['a', 'b', 'c'].map((name) => ({ objectName: name, secretPath: `secret/data/shop/${name}`, secretKey: 'k' })),
  );
  const mountAs = (pod: Pod) => keymount.mount('vault', requestOf(lab.issuer, { pod, parameters }));
  const mountAll = () => Promise.all(pods.map(mountAs));
  const good = { a: 'a', b: 'b', c: 'c' };
  const assertAllGood = (outcomes: Outcome[]) => {
    for (const outcome of outcomes) assert.deepEqual(texts(outcome), good);
  };
  /** Mounts of all pods, again and again, for so many milliseconds. */
  async function republish(ms: number): Promise<Outcome[]> {
    const end = performance.now() + ms;
    const outcomes: Outcome[] = [];
    while (performance.now() < end) {
      outcomes.push(...(await mountAll()));
      await delay(100);
    }
    return outcomes;
  }

  it('is a handful of requests, an answer at once for new pods, and a recovery without a herd', async (t) => {
    assertAllGood(await mountAll());
    await delay(500);
    lab.proxy.faults({ status: 503 });
    lab.proxy.reset();
    const outcomes = await republish(5_000);
    const asked = lab.proxy.count();
    t.diagnostic(`${outcomes.length} Mounts of 3 reads and ${asked} requests in 5 s`);
    for (const outcome of outcomes) assertRefused(outcome, 'UNAVAILABLE', 'backend-unreachable', '503');
    // What was in flight when it began, and one probe at a time.
    assert.ok(asked <= 64 + 15, `${asked} requests`);
    const { body } = await keymount.get('/metrics');
    assert.match(body, /^keymount_servers_away 1$/m);

    lab.proxy.reset();
    const times: number[] = [];
    for (let count = 0; count < 10; count++) {
      const began = performance.now();
      assertRefused(await mountAs(aPod({ serviceAccount: 'new' })), 'UNAVAILABLE', 'backend-unreachable', '503');
      times.push(performance.now() - began);
    }
    assert.ok(times.filter((ms) => ms < 100).length >= 8, `${times.map(Math.round)}`);
    assert.ok(Math.max(...times) < 2_500, `${times.map(Math.round)}`);

    lab.proxy.faults();
    lab.proxy.reset();
    await until(async () => 'files' in (await mountAs(pods[0] as Pod)), 20_000);
    assertAllGood(await mountAll());
    t.diagnostic(`${lab.proxy.count()} requests and at most ${lab.proxy.highWater()} at once after it was back`);
    assert.ok(lab.proxy.highWater() <= 64, `${lab.proxy.highWater()} at once`);
    // Three reads of each, the probes; nobody has to log in again.
    assert.ok(lab.proxy.count() <= pods.length * 3 + 10, `${lab.proxy.count()} requests`);
    assert.equal(lab.proxy.count(logins), 0);
  });

  it('that is over within two seconds is none', async () => {
    assertAllGood(await mountAll());
    await delay(500);
    lab.proxy.faults({ status: 503 });
    setTimeout(() => lab.proxy.faults(), 1_500);
    assertAllGood(await mountAll());
  });

  it('of one path (500) is none for the other paths', async () => {
    lab.proxy.faults({ match: /^GET \/v1\/secret\/data\/shop\/b$/, status: 500 });
    const only = (name: string) =>
      kubernetesClass([{ objectName: name, secretPath: `secret/data/shop/${name}`, secretKey: 'k' }]);
    const mountOf = (name: string) => keymount.mount('vault', requestOf(lab.issuer, { parameters: only(name) }));
    const end = performance.now() + 2_000;
    while (performance.now() < end) assert.ok('code' in (await mountOf('b')));
    lab.proxy.reset();
    assertRefused(await mountOf('b'), 'UNAVAILABLE', 'backend-unreachable', '500');
    assert.equal(lab.proxy.count(/^GET \/v1\/secret\/data\/shop\/b$/), 3);
    assert.deepEqual(texts(await mountOf('a')), { a: 'a' });
    const { body } = await keymount.get('/metrics');
    assert.match(body, /^keymount_servers_away 0$/m);
  });
});

describe('a server that asks for fewer requests', () => {
  const issuer = createTokenIssuer();
  const password = canaries.plant('the password of the fake Vault');
  let vault: FakeVault;
  let keymount: Keymount;
  before(async () => {
    vault = await startFakeVault(canaries.plantToken('a token of the fake Vault', 'hvs.'), password);
    keymount = await startKeymount({ env: { VAULT_ADDR: vault.address }, args: ['--refresh-interval', '0'] });
  });
  after(async () => {
    await keymount.stop();
    await vault.close();
  });
  const mount = () => keymount.mount('vault', requestOf(issuer, { parameters: passwordClass }));

  it('is not asked by any pod until then, and nobody learns what somebody else asked for', async () => {
    assert.deepEqual(texts(await mount()), { password });
    const words = { errors: ['request path "secret/data/app": rate limit quota exceeded'] };
    vault.on(secretCall, (response) => {
      response.writeHead(429, { 'content-type': 'application/json', 'retry-after': '6' });
      response.end(JSON.stringify(words));
    });
    assertRefused(await mount(), 'RESOURCE_EXHAUSTED', 'backend-throttled', 'rate limit quota exceeded');
    const began = performance.now();
    vault.reset();
    const outcomes = await Promise.all(Array.from({ length: 50 }, mount));
    assert.ok(performance.now() - began < 2_000);
    for (const outcome of outcomes) {
      const text = assertRefused(outcome, 'RESOURCE_EXHAUSTED', 'backend-throttled', '429');
      assert.ok(!text.includes('quota'), text);
    }
    assert.equal(vault.requests().length, 0);
    await delay(6_100 - (performance.now() - began));
    assert.deepEqual(texts(await mount()), { password });
  });

  it('for a moment only has its pods wait for it', async () => {
    let asked = 0;
    vault.on(loginCall, (response, request) => {
      if (++asked > 1) return json({ auth: { client_token: 'hvs.again', lease_duration: 3600 } })(response, request);
      response.writeHead(503, { 'retry-after': '1' }).end();
    });
    assert.deepEqual(texts(await mount()), { password });
    vault.reset();
  });
});

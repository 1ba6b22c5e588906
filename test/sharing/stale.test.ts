import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Keymount } from '../e2e/keymount.ts';
import { assertRefused } from '../e2e/messages.ts';
import { requestOf } from '../e2e/requests.ts';
import { until } from '../e2e/until.ts';
import { texts } from '../lab/grpc-client.ts';
import { kubernetesRole } from '../lab/openbao-auth.ts';
import { aPod, type Pod } from '../lab/pod.ts';
import { requires } from '../lab/tools.ts';
import { kubernetesClass, logins, password, reads, type SharingLab, startSharingLab } from './lab.ts';

const never = { refreshInterval: '0' };

describe('while OpenBao cannot be asked', requires('bao', 'fakekube'), () => {
  let lab: SharingLab;
  let keymount: Keymount;
  /** Of the test's pods: a session begins with each test. */
  let serviceAccount = '';
  let last = 0;
  before(async () => {
    lab = await startSharingLab();
    keymount = await lab.keymount(['--vault-retries', '0', '--vault-timeout', '300ms']);
    await lab.bao.putKv2('shop/db', { password: 'old' });
    await kubernetesRole(lab.bao, { name: 'brief', policies: ['app'], ttl: '5s' });
  });
  after(async () => {
    await keymount.stop();
    await lab.stop();
  });
  beforeEach(() => {
    serviceAccount = `web-${++last}`;
    lab.proxy.reset();
  });
  afterEach(async () => {
    lab.proxy.faults();
    // The breaker lets requests through again.
    await until(async () => 'files' in (await mount(never)), 20_000);
  });
  const replica = () => aPod({ serviceAccount });

  const mount = (parameters: Record<string, string>, pod: Pod = replica(), signal?: AbortSignal) =>
    keymount.mount('vault', requestOf(lab.issuer, { pod, parameters: kubernetesClass([password('db')], parameters) }), {
      signal,
    });

  for (const [how, fault] of Object.entries({
    'it answers 500': { status: 500 },
    'it answers 503': { status: 503 },
    'it does not answer': { hang: true },
  })) {
    it(`an outdated secret is served where ${how} and the class says so`, async () => {
      const stale = { ...never, staleOnError: '1m' };
      for (const parameters of [never, stale]) assert.deepEqual(texts(await mount(parameters)), { password: 'old' });
      lab.proxy.faults({ match: reads, ...fault });
      assert.ok('code' in (await mount(never)));
      // To the pod that read it, and to others of its ServiceAccount.
      assert.deepEqual(texts(await mount(stale)), { password: 'old' });
      const served = (await keymount.metric('keymount_reads_total{origin="stale"}')) ?? 0;
      assert.deepEqual(texts(await mount(stale)), { password: 'old' });
      assert.equal(await keymount.metric('keymount_reads_total{origin="stale"}'), served + 1);
    });
  }

  it('an outdated secret is served where it is sealed', async () => {
    const stale = { ...never, staleOnError: '1m' };
    await mount(stale);
    await lab.bao.seal();
    try {
      assert.deepEqual(texts(await mount(stale)), { password: 'old' });
      assertRefused(await mount({ ...never, roleName: 'web' }), 'FAILED_PRECONDITION', 'backend-sealed');
    } finally {
      await lab.bao.unseal();
    }
  });

  for (const [status, code] of [
    [400, 'backend-rejected'],
    [403, 'secret-denied'],
    [404, 'secret-missing'],
    [429, 'backend-throttled'],
  ] as const) {
    it(`an outdated secret is not served where it answers ${status}`, async () => {
      const stale = { ...never, staleOnError: '1m' };
      await mount(stale);
      lab.proxy.faults({ match: reads, status });
      const outcome = await mount(stale);
      assert.ok('code' in outcome);
      assert.ok(outcome.message.includes(`[${code}]`), outcome.message);
    });
  }

  it('an outdated secret is not served beyond its session, nor longer than the class says', async () => {
    const staleFor = (staleOnError: string) => ({ ...never, staleOnError, roleName: 'brief' });
    const [brief, long] = [staleFor('1s'), staleFor('1h')];
    for (const parameters of [brief, long]) await mount(parameters);
    lab.proxy.faults({ status: 503 });
    assert.deepEqual(texts(await mount(brief)), { password: 'old' });
    await delay(1_100);
    assertRefused(await mount(brief), 'UNAVAILABLE', 'backend-unreachable');
    assert.deepEqual(texts(await mount(long)), { password: 'old' });
    // Of the five seconds of its token the session is used for three.
    await delay(2_000);
    assertRefused(await mount(long), 'UNAVAILABLE', 'backend-unreachable');
  });

  it('a pod that gives up leaves the others who wait for the same read alone', async () => {
    lab.proxy.faults({ match: reads, delay: 200 });
    const leaving = new AbortController();
    const all = [mount({}, replica(), leaving.signal), ...Array.from({ length: 5 }, () => mount({}))];
    await until(() => lab.proxy.count(reads) === 1);
    leaving.abort();
    const [left, ...others] = await Promise.all(all);
    assert.ok(left && 'code' in left);
    assert.equal(left.code, 'CANCELLED');
    for (const outcome of others) assert.deepEqual(texts(outcome), { password: 'old' });
    assert.deepEqual([lab.proxy.count(logins), lab.proxy.count(reads)], [1, 1]);
  });

  it('a read that nobody waits for any more is given up, and the next pod starts its own', async () => {
    lab.proxy.faults({ match: reads, hang: true, times: 1 });
    const leaving = new AbortController();
    const all = Array.from({ length: 3 }, () => mount({}, replica(), leaving.signal));
    await until(() => lab.proxy.count(reads) === 1);
    leaving.abort();
    await Promise.all(all);
    assert.deepEqual(texts(await mount({})), { password: 'old' });
    assert.deepEqual([lab.proxy.count(logins), lab.proxy.count(reads)], [1, 2]);
  });
});

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Keymount } from '../e2e/keymount.ts';
import { assertRefused } from '../e2e/messages.ts';
import { requestOf } from '../e2e/requests.ts';
import { texts } from '../lab/grpc-client.ts';
import { kubernetesRole } from '../lab/openbao-auth.ts';
import { aPod, type Pod } from '../lab/pod.ts';
import { requires } from '../lab/tools.ts';
import { appPolicy, kubernetesClass, logins, reads, type SharingLab, startSharingLab } from './lab.ts';

/** Milliseconds. */
const interval = 600;
/** A session is not used for the last two seconds of its token, nor of the greatest age that it may have. */
const [tokenLife, sessionLife] = [3_000, 8_000];

describe('what changes in a real OpenBao', requires('bao', 'fakekube'), () => {
  let lab: SharingLab;
  let keymount: Keymount;
  /** Of the test's pods: a session begins with each test. */
  let serviceAccount = '';
  let last = 0;
  before(async () => {
    lab = await startSharingLab();
    keymount = await lab.keymount(['--refresh-interval', `${interval}ms`, '--session-max-age', '10s']);
    await kubernetesRole(lab.bao, { name: 'brief', policies: ['app'], ttl: '5s' });
  });
  after(async () => {
    await keymount.stop();
    await lab.stop();
  });
  beforeEach(async () => {
    serviceAccount = `web-${++last}`;
    await lab.bao.policy('app', appPolicy);
    for (const name of ['a', 'b', 'c', 'd', 'e']) await lab.bao.putKv2(`shop/${name}`, { k: 'old' });
    lab.proxy.reset();
  });
  afterEach(() => lab.proxy.faults());
  const replica = () => aPod({ serviceAccount });

  const object = (name: string, more: Record<string, unknown> = {}) => {
    return { objectName: name, secretPath: `secret/data/shop/${name}`, secretKey: 'k', ...more };
  };
  const mount = (objects: Record<string, unknown>[], parameters: Record<string, string> = {}, pod: Pod = replica()) =>
    keymount.mount('vault', requestOf(lab.issuer, { pod, parameters: kubernetesClass(objects, parameters) }));
  const changeAll = async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) await lab.bao.putKv2(`shop/${name}`, { k: 'new' });
  };

  it('is seen after the interval of the admin, the class or the object, at once with 0, and with the session at the latest', async () => {
    const objects = [
      object('a'),
      object('b', { refreshInterval: '0' }),
      object('c', { refreshInterval: 'once' }),
      object('d', { refreshInterval: '1h' }),
      object('e', { version: '1' }),
    ];
    const began = performance.now();
    const mountBrief = () => mount(objects, { roleName: 'brief' });
    assert.deepEqual(texts(await mountBrief()), { a: 'old', b: 'old', c: 'old', d: 'old', e: 'old' });
    await changeAll();
    assert.deepEqual(texts(await mountBrief()), { a: 'old', b: 'new', c: 'old', d: 'old', e: 'old' });
    await delay(interval);
    assert.deepEqual(texts(await mountBrief()), { a: 'new', b: 'new', c: 'old', d: 'old', e: 'old' });
    assert.ok(performance.now() - began < tokenLife, 'this machine is too slow for this test');
    await delay(tokenLife);
    lab.proxy.reset();
    // The pinned one is what it is, but it was asked for again.
    assert.deepEqual(texts(await mountBrief()), { a: 'new', b: 'new', c: 'new', d: 'new', e: 'old' });
    assert.deepEqual([lab.proxy.count(logins), lab.proxy.count(reads)], [1, 5]);
  });

  it("is seen after the class's interval by objects that have none", async () => {
    const parameters = { refreshInterval: '1h' };
    const objects = [object('a'), object('b', { refreshInterval: `${interval}ms` })];
    await mount(objects, parameters);
    await changeAll();
    await delay(interval);
    assert.deepEqual(texts(await mount(objects, parameters)), { a: 'old', b: 'new' });
  });

  it('is seen when the policy has a new text, and back', async () => {
    await mount([object('a')]);
    await lab.bao.policy('app', 'path "secret/data/other" { capabilities = ["read"] }');
    await delay(interval);
    for (const pod of [replica(), replica()]) {
      assertRefused(await mount([object('a')], {}, pod), 'PERMISSION_DENIED', 'secret-denied', 'secret/data/shop/a');
    }
    await lab.bao.policy('app', appPolicy);
    assert.deepEqual(texts(await mount([object('a')])), { a: 'old' });
  });

  it('is seen when a secret is deleted, for good or not, and never served again', async () => {
    const parameters = { staleOnError: '1h' };
    await mount([object('a'), object('b')], parameters);
    await lab.bao.delete('secret/data/shop/a');
    await lab.bao.delete('secret/metadata/shop/b');
    await delay(interval);
    assertRefused(await mount([object('a')], parameters), 'NOT_FOUND', 'secret-deleted');
    assertRefused(await mount([object('b')], parameters), 'NOT_FOUND', 'secret-missing');
    lab.proxy.faults({ status: 503 });
    for (const name of ['a', 'b']) {
      assertRefused(await mount([object(name)], parameters), 'UNAVAILABLE', 'backend-unreachable');
    }
  });

  it('is seen when the token is revoked: one login for all pods', async () => {
    const pods = Array.from({ length: 10 }, () => replica());
    await mount([object('a')]);
    await lab.bao.write('sys/leases/revoke-prefix/auth/kubernetes/login');
    await delay(interval);
    lab.proxy.reset();
    const outcomes = await Promise.all(pods.map((pod) => mount([object('a')], {}, pod)));
    for (const outcome of outcomes) assert.deepEqual(texts(outcome), { a: 'old' });
    assert.equal(lab.proxy.count(logins), 1);
  });

  it('is seen when the token is revoked and the account may not log in any more: nobody gets anything', async () => {
    await mount([object('a')], { staleOnError: '1h' });
    await lab.kube.deleteServiceAccount('shop', serviceAccount);
    try {
      await lab.bao.write('sys/leases/revoke-prefix/auth/kubernetes/login');
      await delay(interval);
      for (const pod of [replica(), replica()]) {
        const outcome = await mount([object('a')], { staleOnError: '1h' }, pod);
        assertRefused(outcome, 'PERMISSION_DENIED', 'login-denied');
      }
    } finally {
      await lab.kube.setServiceAccountUid('shop', serviceAccount, replica().serviceAccountUid);
    }
  });

  it('is seen when a role has new settings, with the session at the latest', async () => {
    await kubernetesRole(lab.bao, { name: 'short', policies: ['app'] });
    const parameters = { roleName: 'short', refreshInterval: '1h' };
    const pod = replica();
    await mount([object('a')], parameters, pod);
    await kubernetesRole(lab.bao, {
      name: 'short',
      policies: ['app'],
      more: { bound_service_account_names: ['other'] },
    });
    assert.deepEqual(texts(await mount([object('a')], parameters, pod)), { a: 'old' });
    await delay(sessionLife);
    assertRefused(await mount([object('a')], parameters, pod), 'PERMISSION_DENIED', 'login-denied', 'short');
  });
});

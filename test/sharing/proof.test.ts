import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { canaries, type Keymount } from '../e2e/keymount.ts';
import { assertRefused } from '../e2e/messages.ts';
import { requestOf } from '../e2e/requests.ts';
import { driverRequest } from '../lab/driver-attributes.ts';
import { texts } from '../lab/grpc-client.ts';
import { aPod, type Pod } from '../lab/pod.ts';
import { createTokenIssuer, type PodTokens, podTokens } from '../lab/pod-token.ts';
import { requires } from '../lab/tools.ts';
import { kubernetesClass, logins, password, reads, type SharingLab, startSharingLab } from './lab.ts';

const tokensKey = 'csi.storage.k8s.io/serviceAccount.tokens';

/**
 * Each time a proven pod has a secret in keymount's memory, where it stays, and the secret has changed since: whoever gets the old
 * value got what was cached.
 */
describe('what is in memory for a proven pod', requires('bao', 'fakekube'), () => {
  const cached = canaries.plant('the cached password');
  const later = canaries.plant('the later password');
  const victim = aPod();
  let lab: SharingLab;
  let keymount: Keymount;
  let secret = '';
  let last = 0;

  before(async () => {
    lab = await startSharingLab();
    keymount = await lab.keymount(['--refresh-interval', '1h']);
  });
  after(async () => {
    await keymount.stop();
    await lab.stop();
  });
  beforeEach(async () => {
    secret = `secret-${++last}`;
    await lab.bao.putKv2(`shop/${secret}`, { password: cached });
    assert.deepEqual(texts(await mountAs(victim)), { password: cached });
    await lab.bao.putKv2(`shop/${secret}`, { password: later });
    lab.proxy.reset();
    assert.deepEqual(texts(await mountAs(victim)), { password: cached });
    assert.equal(lab.proxy.count(), 0);
  });

  const classOf = (role: string) => kubernetesClass([password(secret)], { roleName: role });
  const mountAs = (pod: Pod, { role = 'web', token = {} } = {}) =>
    keymount.mount('vault', requestOf(lab.issuer, { pod, parameters: classOf(role), token }));
  /** The tokens are what a class or a pod says: the CSIDriver has no tokenRequests that would be written over them. */
  const mountWith = (pod: Pod, tokens: PodTokens, place: 'class' | 'pod') => {
    const written = { [tokensKey]: JSON.stringify(tokens) };
    const parameters = place === 'class' ? { ...classOf('web'), ...written } : classOf('web');
    const volumeAttributes = place === 'pod' ? written : {};
    return keymount.mount('vault', driverRequest({ pod, parameters, volumeAttributes }));
  };
  const assertNothingRead = () => assert.equal(lab.proxy.count(reads), 0);

  it('is given to another pod of its ServiceAccount', async () => {
    assert.deepEqual(texts(await mountAs(aPod())), { password: cached });
    assert.equal(lab.proxy.count(), 0);
  });

  for (const place of ['class', 'pod'] as const) {
    it(`is not given for a token that the author of the ${place} signed, whoever it claims to be`, async () => {
      const forger = createTokenIssuer();
      for (const pod of [victim, aPod({ serviceAccount: 'evil' }), aPod({ namespace: 'evil' })]) {
        const outcome = await mountWith(pod, podTokens(forger, victim, ['vault']), place);
        assertRefused(outcome, 'PERMISSION_DENIED', 'login-denied');
      }
      assertNothingRead();
    });

    it(`is not given for the token of a proven pod that the ${place} of another one holds`, async () => {
      const thief = aPod({ serviceAccount: 'evil' });
      const outcome = await mountWith(thief, podTokens(lab.issuer, victim, ['vault']), place);
      // It is a bearer token, so the backend takes it; but that is asked, and what is told then is the truth of today.
      assert.deepEqual(texts(outcome), { password: later });
      assert.deepEqual([lab.proxy.count(logins), lab.proxy.count(reads)], [1, 1]);
    });
  }

  it('is not given for a forged token beside a good one', async () => {
    const tokens = {
      ...podTokens(lab.issuer, victim, ['vault']),
      ...podTokens(createTokenIssuer(), victim, ['openbao']),
    };
    assert.deepEqual(texts(await mountWith(victim, tokens, 'class')), { password: later });
    assert.equal(lab.proxy.count(logins), 1);
  });

  it('is not given for an expired token', async () => {
    const outcome = await mountAs(victim, { token: { ttl: 60, now: Date.now() - 120_000 } });
    assertRefused(outcome, 'PERMISSION_DENIED', 'login-denied');
    assertNothingRead();
  });

  it('is not given for junk, nor for a token without signature, with the attributes of the proven pod', async () => {
    const good = podTokens(lab.issuer, victim, ['vault'])['vault'];
    assert.ok(good);
    const [, claims] = good.token.split('.');
    const none = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url');
    for (const token of ['junk', `${none}.${claims}.`, `${good.token}x`]) {
      const outcome = await mountWith(victim, { vault: { ...good, token } }, 'pod');
      assertRefused(outcome, 'PERMISSION_DENIED', 'login-denied');
    }
    assertNothingRead();
  });

  it('is not given to a pod of another namespace with the same names', async () => {
    const other = { ...victim, namespace: 'evil' };
    assertRefused(await mountAs(other), 'PERMISSION_DENIED', 'login-denied');
    assertNothingRead();
  });

  it('is not given to another ServiceAccount, though its role may read it too', async () => {
    const other = aPod({ serviceAccount: 'other' });
    assertRefused(await mountAs(other), 'PERMISSION_DENIED', 'login-denied');
    assert.deepEqual(texts(await mountAs(other, { role: 'app' })), { password: later });
  });

  it('is not given through another role or audience of the class', async () => {
    assert.deepEqual(texts(await mountAs(victim, { role: 'app' })), { password: later });
    const parameters = { ...classOf('web'), audience: 'other' };
    const outcome = await keymount.mount(
      'vault',
      requestOf(lab.issuer, { pod: victim, parameters, audiences: ['vault', 'other'] }),
    );
    assertRefused(outcome, 'PERMISSION_DENIED', 'login-denied', 'audience');
  });

  it('is not given to the same ServiceAccount made anew', async () => {
    const anew = aPod({ serviceAccountUid: 'another-uid' });
    await lab.kube.setServiceAccountUid('shop', 'web', 'another-uid');
    try {
      assert.deepEqual(texts(await mountAs(anew)), { password: later });
      assert.equal(lab.proxy.count(logins), 1);
      // Nor the other way round: what the new account has is nothing for a pod that shows the old one beside the new one.
      const both = {
        ...podTokens(lab.issuer, anew, ['vault']),
        ...podTokens(lab.issuer, { ...anew, serviceAccountUid: victim.serviceAccountUid }, ['openbao']),
      };
      await mountWith(anew, both, 'class');
      assert.equal(lab.proxy.count(logins), 2);
    } finally {
      await lab.kube.setServiceAccountUid('shop', 'web', victim.serviceAccountUid);
    }
  });
});

describe('where nothing can be proven', requires('bao', 'fakekube'), () => {
  const secret = canaries.plant('the password of unproven pods');
  let lab: SharingLab;
  let keymount: Keymount;
  before(async () => {
    lab = await startSharingLab();
    await lab.bao.putKv2('shop/db', { password: secret });
    await lab.kube.fault({ mode: 'fail', status: 503, path: '/openid/v1/jwks' });
    keymount = await lab.keymount();
  });
  after(async () => {
    await keymount.stop();
    await lab.stop();
  });
  const mountAs = (pod: Pod) =>
    keymount.mount('vault', requestOf(lab.issuer, { pod, parameters: kubernetesClass([password('db')]) }));

  it('each pod logs in itself with its very token, and a token that the backend now refuses gets nothing', async () => {
    const [first, second, late] = [aPod(), aPod(), aPod()];
    for (const pod of [first, second]) assert.deepEqual(texts(await mountAs(pod)), { password: secret });
    assert.deepEqual([lab.proxy.count(logins), lab.proxy.count(reads)], [2, 2]);
    await lab.kube.deleteServiceAccount('shop', 'web');
    assertRefused(await mountAs(late), 'PERMISSION_DENIED', 'login-denied');
    assertRefused(await mountAs(first), 'PERMISSION_DENIED', 'login-denied');
    assert.equal(lab.proxy.count(reads), 2);
    await lab.kube.setServiceAccountUid('shop', 'web', first.serviceAccountUid);
  });

  it('nothing is shared, and what a pod logged in for itself is served again for the same token alone', async () => {
    const pod = aPod();
    const request = requestOf(lab.issuer, { pod, parameters: kubernetesClass([password('db')]) });
    await keymount.mount('vault', request);
    lab.proxy.reset();
    assert.deepEqual(texts(await keymount.mount('vault', request)), { password: secret });
    assert.equal(lab.proxy.count(), 0);
    assert.deepEqual(texts(await mountAs(pod)), { password: secret });
    assert.equal(lab.proxy.count(logins), 1);
  });
});

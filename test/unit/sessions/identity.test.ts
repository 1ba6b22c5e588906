import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, beforeEach, describe, it } from 'node:test';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { createKubeApi, type KubeApi } from '../../../provider/kube/api.ts';
import { getJwks } from '../../../provider/kube/jwks.ts';
import { createIdentityProver, type IdentityProver, type Proof } from '../../../provider/sessions/identity.ts';
import { createTokenProof, type TokenProof, type TokenProofDeps } from '../../../provider/sessions/token-proof.ts';
import { systemClock } from '../../../provider/util/clock.ts';
import { SecretString } from '../../../provider/util/secret-string.ts';
import { type KubeApiServer, kubeConfigOf, startKubeApi } from '../../lab/kube-api.ts';
import { aPod, type Pod } from '../../lab/pod.ts';
import { createTokenIssuer, type TokenIssuer, type TokenOptions } from '../../lab/pod-token.ts';

const seconds = 1000;
const minutes = 60 * seconds;
const hours = 60 * minutes;
const { signal } = new AbortController();

describe('the proof of who asks', () => {
  let server: KubeApiServer;
  let api: KubeApi;
  let cluster: TokenIssuer;
  let stranger: TokenIssuer;
  let now: number;
  let failures: unknown[];
  let proof: TokenProof;
  let prover: IdentityProver;
  let pod: Pod;

  before(async () => {
    server = await startKubeApi();
    api = createKubeApi(kubeConfigOf(server), { clock: systemClock });
    cluster = server.issuer;
    stranger = createTokenIssuer();
  });
  after(async () => {
    api.close();
    await server.close();
  });
  beforeEach(() => {
    now = Date.now();
    failures = [];
    server.issuer = cluster;
    server.fault = () => undefined;
    server.calls.length = 0;
    pod = aPod();
    start();
  });

  function start(parts: Partial<TokenProofDeps> = {}) {
    proof = createTokenProof({
      jwks: (aborted) => getJwks(api, { signal: aborted, timeout: 300 }),
      clock: { now: () => now, sleep: systemClock.sleep },
      onKeysUnavailable: (error) => void failures.push(error),
      ...parts,
    });
    prover = createIdentityProver(proof);
  }

  const tokensOf = (entries: Record<string, string>) =>
    new Map(Object.entries(entries).map(([audience, token]) => [audience, new SecretString(token)]));
  const mint = (one: Pod, options: TokenOptions = {}, issuer = cluster) =>
    issuer.mint(one, 'vault', { now, ...options }).token;
  const prove = (token: string, one = pod) => prover.prove(one, tokensOf({ vault: token }), signal);
  const recall = (token: string, one = pod) => prover.recall(one, tokensOf({ vault: token }))?.proof;

  function claimed(one: Pod, parts: Partial<Proof>): Proof {
    const { namespace, serviceAccount } = one;
    return {
      namespace,
      serviceAccount,
      serviceAccountUid: undefined,
      pod: one.name,
      podUid: one.uid,
      proven: false,
      ...parts,
    };
  }

  /** Nothing is proven, and asking again without I/O does not prove it either. */
  async function assertUnproven(token: string, one = pod, parts: Partial<Proof> = {}) {
    assert.deepEqual(await prove(token, one), claimed(one, parts));
    assert.notEqual(recall(token, one)?.proven, true);
  }

  it("is a token that the cluster signed for this very pod; it brings the ServiceAccount's uid", async () => {
    const expected = claimed(pod, { proven: true, serviceAccountUid: pod.serviceAccountUid });
    assert.deepEqual(await prove(mint(pod)), expected);
  });

  it('holds for several audiences at once', async () => {
    const tokens = tokensOf({ vault: mint(pod), aws: cluster.mint(pod, 'aws', { now }).token });
    assert.equal((await prover.prove(pod, tokens, signal)).proven, true);
    assert.equal(prover.recall(pod, tokens)?.proof.proven, true);
  });

  describe('once given', () => {
    it('is remembered without I/O until the token ends', async () => {
      const token = mint(pod);
      assert.equal(recall(token), undefined);
      await prove(token);
      server.fault = () => 'hang';
      now += hours - 1 * seconds;
      assert.deepEqual(recall(token), claimed(pod, { proven: true, serviceAccountUid: pod.serviceAccountUid }));
      assert.equal((await prove(token)).proven, true);
      now += 2 * seconds;
      assert.equal(recall(token), undefined);
    });

    it('costs one look at the keys, however many pods come', async () => {
      const pods = Array.from({ length: 20 }, () => aPod());
      const proofs = await Promise.all(pods.map((one) => prove(mint(one), one)));
      assert.ok(proofs.every(({ proven }) => proven));
      assert.deepEqual(server.calls, ['GET /openid/v1/jwks']);
    });

    it('proves nothing for another pod that shows the same token', async () => {
      const token = mint(pod);
      await prove(token);
      const thief = aPod();
      assert.deepEqual(recall(token, thief), claimed(thief, { mismatch: true }));
    });

    it('proves nothing for the same token with another signature', async () => {
      const token = mint(pod);
      assert.equal((await prove(token)).proven, true);
      const [header, payload, signature = ''] = token.split('.');
      for (const other of ['AAAA', '', `${signature.slice(0, -4)}AAAA`, signature.toLowerCase()]) {
        await assertUnproven(`${header}.${payload}.${other}`);
      }
    });

    it('holds until the first of several tokens ends', async () => {
      const tokens = tokensOf({ a: mint(pod, { ttl: 1200 }), b: mint(pod, { ttl: 600 }), c: mint(pod, { ttl: 1800 }) });
      await prover.prove(pod, tokens, signal);
      const end = Math.floor(now / seconds) * seconds + 600 * seconds;
      assert.equal(prover.recall(pod, tokens)?.until, end);
      now = end;
      assert.equal(prover.recall(pod, tokens), undefined);
      assert.equal((await prover.prove(pod, tokens, signal)).proven, true, 'the leeway of its end');
      now = end + 11 * seconds;
      assert.deepEqual(await prover.prove(pod, tokens, signal), claimed(pod, {}));
    });

    it('is looked at again after an hour, however long the token lives', async () => {
      const token = mint(pod, { ttl: 86_400 });
      await prove(token);
      now += 1 * hours - 1;
      assert.equal(recall(token)?.proven, true);
      assert.equal(prover.recall(pod, tokensOf({ vault: token }))?.until, now + 1);
      now += 1;
      assert.equal(recall(token), undefined);
      assert.equal((await prove(token)).proven, true);
      assert.equal(recall(token)?.proven, true);
    });

    it('is forgotten when there are more tokens than the capacity', async () => {
      start({ capacity: 3 });
      const tokens = Array.from({ length: 4 }, (_, i) => mint(pod, { claims: { jti: String(i) } }));
      for (const token of tokens) await prove(token);
      assert.equal(proof.size(), 3);
      assert.equal(recall(tokens[0] ?? ''), undefined);
      assert.equal(recall(tokens[3] ?? '')?.proven, true);
    });
  });

  describe('is not given, and nothing is remembered, for', () => {
    it('no token at all', async () => {
      assert.deepEqual(await prover.prove(pod, new Map(), signal), claimed(pod, {}));
      assert.deepEqual(prover.recall(pod, new Map())?.proof, claimed(pod, {}));
    });

    it('a token that somebody else signed, under a key id of their own or of the cluster', async () => {
      await assertUnproven(mint(pod, {}, stranger));
      const kid = cluster.jwks.keys[0]?.['kid'];
      const claims = JSON.parse(Buffer.from(mint(pod).split('.')[1] ?? '', 'base64url').toString()) as object;
      await assertUnproven(stranger.signClaims(claims, { kid }));
      assert.equal(proof.size(), 0);
    });

    it('a token whose claims were changed after signing', async () => {
      const [header, payload, signature] = mint(aPod()).split('.');
      const claims = JSON.parse(Buffer.from(payload ?? '', 'base64url').toString()) as Record<string, unknown>;
      claims['kubernetes.io'] = kubernetesClaim(pod);
      await assertUnproven(`${header}.${base64url(claims)}.${signature}`);
    });

    it('a token without signature, or signed with the public key as a password', async () => {
      const claims = base64url({ exp: now / 1000 + 3600, 'kubernetes.io': kubernetesClaim(pod) });
      await assertUnproven(`${base64url({ alg: 'none' })}.${claims}.`);
      const signed = `${base64url({ alg: 'HS256', kid: cluster.jwks.keys[0]?.['kid'] })}.${claims}`;
      await assertUnproven(
        `${signed}.${createHmac('sha256', cluster.publicKeyPem).update(signed).digest('base64url')}`,
      );
    });

    it('an expired token, and one that is not valid yet, beyond ten seconds of leeway', async () => {
      await assertUnproven(mint(pod, { ttl: -11 }));
      await assertUnproven(mint(pod, { claims: { nbf: Math.floor(now / 1000) + 11 } }));
      assert.equal((await prove(mint(pod, { ttl: -9 }))).proven, true);
      assert.equal((await prove(mint(pod, { claims: { nbf: Math.floor(now / 1000) + 9 } }))).proven, true);
    });

    it('a token without an end', async () => {
      await assertUnproven(cluster.signClaims({ 'kubernetes.io': kubernetesClaim(pod) }));
    });

    it('a token that is bound to no pod', async () => {
      const { namespace, serviceaccount } = kubernetesClaim(pod);
      await assertUnproven(mint(pod, { claims: { 'kubernetes.io': { namespace, serviceaccount } } }));
      await assertUnproven(mint(pod, { claims: { 'kubernetes.io': undefined } }));
    });

    it('odd claims', async () => {
      for (const odd of [
        null,
        'text',
        5,
        [],
        { namespace: 5 },
        { ...kubernetesClaim(pod), pod: { name: '', uid: '' } },
      ]) {
        await assertUnproven(mint(pod, { claims: { 'kubernetes.io': odd } }));
      }
    });

    it('junk', async () => {
      const header = base64url({ alg: 'RS256' });
      for (const junk of [
        'x',
        '..',
        'a.b.c',
        '💥',
        `${header}..`,
        `${header}.e30.AAAA`,
        'e30.e30.e30',
        '\0'.repeat(100),
      ]) {
        await assertUnproven(junk);
      }
      await assertUnproven(mint(pod, { claims: { filler: 'x'.repeat(20_000) } }));
    });

    it('hundreds of tokens, which are not even looked at', async () => {
      const tokens = tokensOf(Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`a${i}`, mint(pod)])));
      assert.equal((await prover.prove(pod, tokens, signal)).proven, false);
      assert.deepEqual(server.calls, []);
    });

    it('a good token with a forged one beside it: kubelet sends no such thing', async () => {
      const tokens = tokensOf({ vault: mint(pod), aws: mint(pod, {}, stranger) });
      assert.deepEqual(await prover.prove(pod, tokens, signal), claimed(pod, {}));
      assert.equal(prover.recall(pod, tokens), undefined);
    });

    it('a token of another issuer, if the issuer is known', async () => {
      start({ issuer: cluster.issuer });
      assert.equal((await prove(mint(pod))).proven, true);
      await assertUnproven(mint(pod, { claims: { iss: 'https://elsewhere' } }));
    });
  });

  describe('is a mismatch, not only missing, where a valid token is', () => {
    const strangers: [string, (one: Pod) => Pod][] = [
      ["another pod's", () => aPod()],
      ['of a pod of the same name from before', (one) => ({ ...one, uid: aPod().uid })],
      ['of another ServiceAccount of the same pod', (one) => ({ ...one, serviceAccount: 'admin' })],
      ['of another namespace', (one) => ({ ...one, namespace: 'bank' })],
      ['of a pod of another name with the same uid', (one) => ({ ...one, name: 'other' })],
    ];
    for (const [what, change] of strangers) {
      it(what, async () => {
        const token = mint(change(pod));
        await assertUnproven(token, pod, { mismatch: true });
        assert.deepEqual(recall(token), claimed(pod, { mismatch: true }));
      });
    }

    it("another pod's beside the pod's own", async () => {
      const tokens = tokensOf({ vault: mint(pod), aws: mint(aPod()) });
      assert.deepEqual(await prover.prove(pod, tokens, signal), claimed(pod, { mismatch: true }));
    });
  });

  describe('tells ServiceAccounts apart by their uid', () => {
    const made = (uid: string) => ({ ...pod, serviceAccountUid: uid });

    it('so that one which was made anew under the same name is another', async () => {
      const [old, anew] = [await prove(mint(made('u-old'))), await prove(mint(made('u-new')))];
      assert.deepEqual([old.proven, old.serviceAccountUid], [true, 'u-old']);
      assert.deepEqual([anew.proven, anew.serviceAccountUid], [true, 'u-new']);
    });

    it('and proves nothing while one token is from before and one from after', async () => {
      const tokens = tokensOf({ vault: mint(made('u-old')), aws: mint(made('u-new')) });
      assert.deepEqual(await prover.prove(pod, tokens, signal), claimed(pod, {}));
    });
  });

  describe("follows the cluster's keys", () => {
    it('to a new one at the first token that it signed, but asks at most every 30 s', async () => {
      await prove(mint(pod));
      server.issuer = createTokenIssuer();
      const token = mint(pod, {}, server.issuer);
      await assertUnproven(token);
      now += 30 * seconds;
      assert.equal((await prove(token)).proven, true);
      assert.equal(server.calls.length, 2);
    });

    it('and forged tokens cannot make it ask more often', async () => {
      for (let i = 0; i < 120; i++) {
        await prove(mint(pod, {}, stranger));
        now += 1 * seconds;
      }
      assert.ok(server.calls.length <= 5, `${server.calls.length} calls`);
    });

    it('away from a withdrawn one within the hour, without holding anybody up', async () => {
      await prove(mint(pod));
      server.issuer = createTokenIssuer();
      now += 1 * hours;
      server.fault = () => 'hang';
      const started = performance.now();
      assert.equal((await prove(mint(pod))).proven, true);
      assert.ok(performance.now() - started < 200);
      await until(() => failures.length === 1);
      server.fault = () => undefined;
      now += 61 * seconds;
      await prove(mint(pod));
      await until(() => server.calls.length === 3);
      await until(async () => !(await prove(mint(pod, { claims: { jti: Math.random() } }))).proven);
    });

    it('away from a withdrawn one: what it proved before is forgotten', async () => {
      const [token, other] = [mint(pod), mint(pod, { claims: { jti: 'other' } })];
      await prove(token);
      server.issuer = createTokenIssuer();
      now += 5 * minutes;
      assert.equal((await prove(other)).proven, true, 'nobody waits for the keys');
      await until(() => recall(token) === undefined && recall(other) === undefined);
      await assertUnproven(token);
      await assertUnproven(other);
      assert.equal(proof.size(), 0);
      assert.deepEqual(failures, []);
    });

    it('away from one that another of its keys takes the place of, at the first token of that', async () => {
      const token = mint(pod);
      await prove(token);
      server.issuer = createTokenIssuer();
      now += 30 * seconds;
      const newcomer = aPod();
      assert.equal((await prove(mint(newcomer, {}, server.issuer), newcomer)).proven, true);
      await assertUnproven(token);
    });

    it('away from one that is withdrawn while a token of it is looked at', async () => {
      const gates: (() => void)[] = [];
      let keys = cluster.jwks;
      const gate = () => new Promise<void>((resolve) => void gates.push(resolve));
      start({ jwks: () => gate().then(() => keys) });
      const first = prove(mint(pod));
      await until(() => gates.length === 1);
      gates[0]?.();
      assert.equal((await first).proven, true);
      now += 5 * minutes;
      proof.refreshKeys();
      const token = mint(pod);
      const looked = prove(token);
      keys = stranger.jwks;
      gates[1]?.();
      assert.equal((await looked).proven, false);
      assert.equal(recall(token), undefined);
    });

    it('every five minutes where somebody sees to that, and Mounts or not', async () => {
      let reads = 0;
      start({ jwks: (aborted) => getJwks(api, { signal: aborted }).finally(() => reads++) });
      const token = mint(pod);
      proof.refreshKeys();
      assert.deepEqual(server.calls, [], 'nobody needs them yet');
      await prove(token);
      for (let minute = 1; minute <= 11; minute++) {
        now += 1 * minutes;
        proof.refreshKeys();
        await until(() => reads === 1 + Math.floor(minute / 5));
        assert.equal(server.calls.length, reads);
      }
      server.issuer = createTokenIssuer();
      now += 4 * minutes;
      proof.refreshKeys();
      await until(() => recall(token) === undefined);
    });

    it('not away from those that come in another order, or beside an answer that is none', async () => {
      const both = [...cluster.jwks.keys, ...stranger.jwks.keys];
      server.issuer = { ...cluster, jwks: { keys: both } };
      const token = mint(pod);
      await prove(token);
      server.issuer = { ...cluster, jwks: { keys: both.toReversed().map(reversed) } };
      now += 5 * minutes;
      proof.refreshKeys();
      await until(() => server.calls.length === 2);
      server.fault = () => ({ status: 500, reason: 'InternalError', message: 'etcd is away' });
      now += 5 * minutes;
      proof.refreshKeys();
      await until(() => failures.length === 1);
      assert.equal(recall(token)?.proven, true);
    });

    it('for two hours where they cannot be read any more, and asks every minute then', async () => {
      const token = mint(pod, { ttl: 86_400 });
      await prove(token);
      server.fault = () => ({ status: 500, reason: 'InternalError', message: 'etcd is away' });
      for (let minute = 1; minute < 120; minute++) {
        now += 1 * minutes;
        proof.refreshKeys();
        await until(() => failures.length === Math.max(0, minute - 4));
        assert.equal((await prove(token)).proven, true, `after ${minute} minutes`);
      }
      now += 1 * minutes;
      await assertUnproven(token);
      server.fault = () => undefined;
      now += 1 * minutes;
      assert.equal((await prove(token)).proven, true);
    });

    it('where the clock was set back as well', async () => {
      await prove(mint(pod));
      now -= 24 * hours;
      server.issuer = createTokenIssuer();
      assert.equal((await prove(mint(pod, {}, server.issuer))).proven, true);
    });

    it('with keys on elliptic curves beside RSA', async () => {
      const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
      const jwk = { ...(await exportJWK(publicKey)), kid: 'ec', alg: 'ES256', use: 'sig' };
      server.issuer = { ...cluster, jwks: { keys: [...cluster.jwks.keys, jwk as unknown as Record<string, string>] } };
      const claims = { 'kubernetes.io': kubernetesClaim(pod), exp: Math.floor(now / 1000) + 60 };
      const token = await new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'ec' }).sign(privateKey);
      assert.equal((await prove(token)).proven, true);
      assert.equal((await prove(mint(pod))).proven, true);
    });
  });

  describe('without the keys', () => {
    it('is simply not given, and given again soon after the API server is back', async () => {
      await server.goAway();
      const token = mint(pod);
      await assertUnproven(token).finally(() => server.comeBack());
      assert.equal(failures.length, 1);
      now += 10 * seconds;
      assert.equal((await prove(token)).proven, true);
    });

    it('holds up one Mount in a while, not each', async () => {
      server.fault = () => 'hang';
      const started = performance.now();
      await Promise.all(Array.from({ length: 20 }, () => prove(mint(pod))));
      for (let i = 0; i < 20; i++) await prove(mint(pod));
      assert.ok(performance.now() - started < 2 * 300 + 200);
      assert.deepEqual([server.calls.length, failures.length], [1, 1]);
    });

    it('asks after 10, 20, 40 and then every 60 s', async () => {
      server.fault = () => ({ status: 500, reason: 'InternalError', message: 'etcd is away' });
      const asked: number[] = [];
      const token = mint(pod);
      for (let second = 0; second <= 200; second++) {
        const before = server.calls.length;
        await prove(token);
        if (server.calls.length > before) asked.push(second);
        now += 1 * seconds;
      }
      assert.deepEqual(asked, [0, 10, 30, 70, 130, 190]);
    });

    it('is not given for a key set that is none, or has no key that can be used', async () => {
      for (const reply of [
        '{}',
        '{"keys":5}',
        '{"keys":[]}',
        '{"keys":[null,5,{"kid":"k"},{"kty":"RSA","kid":"k"}]}',
      ]) {
        start();
        server.fault = () => reply;
        await assertUnproven(mint(pod));
      }
    });

    it("rejects with the caller's own reason when the caller gives up, and the next asks anew", async () => {
      server.fault = () => 'hang';
      const controller = new AbortController();
      const gone = prover.prove(pod, tokensOf({ vault: mint(pod) }), controller.signal);
      setTimeout(() => controller.abort(new Error('the Mount was cancelled')), 50);
      await assert.rejects(gone, /the Mount was cancelled/);
      server.fault = () => undefined;
      assert.equal((await prove(mint(pod))).proven, true);
      assert.deepEqual(failures, []);
    });

    it('for want of a cluster is never given', async () => {
      prover = createIdentityProver(undefined);
      await assertUnproven(mint(pod));
    });
  });
});

function reversed(key: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(key).toReversed());
}

function kubernetesClaim(pod: Pod) {
  return {
    namespace: pod.namespace,
    pod: { name: pod.name, uid: pod.uid },
    serviceaccount: { name: pod.serviceAccount, uid: pod.serviceAccountUid },
  };
}

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 3_000;
  while (!(await condition())) {
    assert.ok(performance.now() < end, 'it did not happen within 3 s');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

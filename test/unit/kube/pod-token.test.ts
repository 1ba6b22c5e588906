import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { formatError, KeymountError } from '../../../provider/errors.ts';
import { createKubeApi, type KubeApi } from '../../../provider/kube/api.ts';
import {
  createPodTokens,
  type PodTokens,
  tokenMissing,
  type WantedAudience,
} from '../../../provider/kube/pod-token.ts';
import { systemClock } from '../../../provider/util/clock.ts';
import { type KubeApiServer, kubeConfigOf, startKubeApi } from '../../lab/kube-api.ts';
import { aPod, type Pod } from '../../lab/pod.ts';

const { signal } = new AbortController();
const vault = { driver: 'vault', request: 'vault' };

describe('a token that keymount requests for a pod', () => {
  let server: KubeApiServer;
  let api: KubeApi;
  let now: number;
  let tokens: PodTokens;
  let pod: Pod;

  before(async () => {
    server = await startKubeApi();
    api = createKubeApi(kubeConfigOf(server), { clock: systemClock, timeout: 200 });
  });
  after(async () => {
    api.close();
    await server.close();
  });
  beforeEach(() => {
    now = Date.now();
    server.fault = () => undefined;
    server.calls.length = 0;
    server.tokenRequests.length = 0;
    pod = aPod();
    server.pods.set(`${pod.namespace}/${pod.name}`, pod);
    tokens = createPodTokens({ api, clock: { now: () => now, sleep: systemClock.sleep } });
  });

  const bound = (one: Pod = pod) => ({
    namespace: one.namespace,
    serviceAccount: one.serviceAccount,
    pod: one.name,
    podUid: one.uid,
  });

  async function failure(audience: WantedAudience = vault, one: Pod = pod): Promise<KeymountError> {
    const error = await tokens.get(bound(one), audience, signal).catch((thrown: unknown) => thrown);
    assert.ok(error instanceof KeymountError);
    assert.equal(error.code, 'token-missing');
    return error;
  }

  it('lives as long as it is to, and is new each time', async () => {
    const [one, other] = [
      await tokens.request(bound(), 'vault', 86_400, signal),
      await tokens.request(bound(), 'vault', 1, signal),
    ];
    assert.notEqual(one.reveal(), other.reveal());
    assert.equal(tokens.getCached(bound(), vault), undefined);
    assert.deepEqual(
      server.tokenRequests.map(({ spec }) => [spec['audiences'], spec['expirationSeconds']]),
      // The API server refuses less than ten minutes.
      [
        [['vault'], 86_400],
        [['vault'], 600],
      ],
    );
  });

  it('is not waited for where the API server hangs, for there is another one', async () => {
    const patient = createKubeApi(kubeConfigOf(server), { clock: systemClock, timeout: 60_000 });
    const lasting = createPodTokens({ api: patient, clock: systemClock });
    server.fault = () => 'hang';
    const began = performance.now();
    await assert.rejects(lasting.request(bound(), 'vault', 86_400, signal));
    assert.ok(performance.now() - began < 20_000);
    patient.close();
  });

  it('lives for 15 minutes, is bound to the pod and has the audience', async () => {
    await tokens.get(bound(), vault, signal);
    assert.deepEqual(server.tokenRequests[0]?.spec, {
      audiences: ['vault'],
      expirationSeconds: 900,
      boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: pod.name, uid: pod.uid },
    });
    assert.deepEqual(server.calls, [`POST /api/v1/namespaces/shop/serviceaccounts/web/token`]);
  });

  it("has the API server's own audience where the class names none", async () => {
    const token = await tokens.get(bound(), { driver: 'vault', request: undefined }, signal);
    assert.deepEqual(server.tokenRequests[0]?.spec.audiences, []);
    const claims = JSON.parse(Buffer.from(token.reveal().split('.')[1] ?? '', 'base64url').toString()) as {
      aud: unknown;
    };
    assert.deepEqual(claims.aud, [server.issuer.issuer]);
  });

  it('is remembered until two minutes before its end', async () => {
    const first = await tokens.get(bound(), vault, signal);
    now += 12 * 60_000;
    assert.equal(await tokens.get(bound(), vault, signal), first);
    assert.equal(tokens.getCached(bound(), vault), first);
    now += 90_000;
    assert.equal(tokens.getCached(bound(), vault), undefined);
    assert.notEqual(await tokens.get(bound(), vault, signal), first);
    assert.equal(server.tokenRequests.length, 2);
  });

  it('is requested once by all volumes of a pod that ask at once', async () => {
    await Promise.all(Array.from({ length: 20 }, () => tokens.get(bound(), vault, signal)));
    assert.equal(server.tokenRequests.length, 1);
  });

  it('is never given to another pod, ServiceAccount or audience', async () => {
    const first = await tokens.get(bound(), vault, signal);
    const sameName = { ...pod, uid: aPod().uid };
    server.pods.set(`${pod.namespace}/${pod.name}`, sameName);
    const others = [
      await tokens.get(bound(sameName), vault, signal),
      await tokens.get(bound(sameName), { driver: 'vault', request: 'other' }, signal),
      await tokens.get(bound(sameName), { driver: 'vault', request: undefined }, signal),
    ];
    assert.equal(new Set([first, ...others].map((token) => token.reveal())).size, 4);
    await failure(vault, { ...sameName, serviceAccount: 'admin' });
  });

  it('is forgotten, oldest use first, when there are more than the capacity', async () => {
    tokens = createPodTokens({ api, clock: systemClock, capacity: 2 });
    await tokens.get(bound(), vault, signal);
    for (const audience of ['a', 'b']) await tokens.get(bound(), { driver: audience, request: audience }, signal);
    assert.equal(tokens.getCached(bound(), vault), undefined);
  });

  it('is requested again where the cluster has changed its keys', async () => {
    const first = await tokens.get(bound(), vault, signal);
    tokens.forget();
    assert.equal(tokens.getCached(bound(), vault), undefined);
    assert.notEqual((await tokens.get(bound(), vault, signal)).reveal(), first.reveal());
    assert.equal(server.tokenRequests.length, 2);
  });

  it("does not end with a caller who gives up, who gets the caller's own reason", async () => {
    server.fault = () => 'hang';
    const controller = new AbortController();
    const [gone, waits] = [tokens.get(bound(), vault, controller.signal), tokens.get(bound(), vault, signal)];
    controller.abort(new Error('the Mount was cancelled'));
    await assert.rejects(gone, /the Mount was cancelled/);
    await assert.rejects(waits, (error) => error instanceof KeymountError && error.code === 'token-missing');
  });

  describe('that is not to be had says what to do', () => {
    it('without the right to request it: the audience in tokenRequests, or the RBAC rule', async () => {
      server.fault = () => ({
        status: 403,
        reason: 'Forbidden',
        message:
          'serviceaccounts "web" is forbidden: User "system:serviceaccount:csi:keymount" cannot create resource "serviceaccounts/token"',
      });
      assert.equal(
        formatError(await failure()),
        'the driver sent no ServiceAccount token for audience "vault": and the API server gave none for ServiceAccount shop/web ' +
          '(403 Forbidden: serviceaccounts "web" is forbidden: User "system:serviceaccount:csi:keymount" cannot create resource ' +
          '"serviceaccounts/token"); add {audience: "vault"} to spec.tokenRequests of the CSIDriver secrets-store.csi.k8s.io, or ' +
          'allow keymount to create serviceaccounts/token [token-missing]',
      );
    });

    it('names the audience that the driver should have sent, whatever was requested', async () => {
      server.fault = () => ({ status: 403, reason: 'Forbidden', message: 'no' });
      const error = await failure({ driver: 'openbao', request: undefined });
      assert.match(error.message, /for audience "openbao"/);
      assert.match(error.hint ?? '', /\{audience: "openbao"\}/);
    });

    it('for a pod that is gone, or was made anew under the same name', async () => {
      const gone = await failure(vault, aPod());
      assert.match(gone.reason ?? '', /404 NotFound: pods ".*" not found/);
      assert.match(gone.hint ?? '', /is gone/);
      const renewed = await failure(vault, { ...pod, uid: aPod().uid });
      assert.match(renewed.reason ?? '', /409 Conflict/);
      assert.match(renewed.hint ?? '', /made anew/);
    });

    it('when the API server hangs or refuses keymount itself', async () => {
      server.fault = () => 'hang';
      assert.match((await failure()).reason ?? '', /no whole answer from .* within 0.2 s/);
      server.fault = () => ({ status: 401, reason: 'Unauthorized', message: 'Unauthorized' });
      assert.match((await failure()).hint ?? '', /own credentials/);
    });

    it('when the reply holds no token', async () => {
      for (const reply of ['{}', '{"status":{}}', '{"status":{"token":""}}', '{"status":{"token":"t"}}']) {
        server.fault = () => reply;
        assert.match((await failure()).reason ?? '', /holds no token/);
      }
    });

    it('where keymount is not to request any', () => {
      assert.equal(
        formatError(tokenMissing('vault')),
        'the driver sent no ServiceAccount token for audience "vault"; add {audience: "vault"} to spec.tokenRequests of the ' +
          'CSIDriver secrets-store.csi.k8s.io [token-missing]',
      );
    });
  });
});

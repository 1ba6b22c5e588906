import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KeymountError } from '../../../provider/errors.ts';
import type { PodTokens } from '../../../provider/kube/pod-token.ts';
import { createCallers, type ProofOf } from '../../../provider/mount/callers.ts';
import { readRequest } from '../../../provider/mount/request.ts';
import { parseClass } from '../../../provider/plan/parse.ts';
import type { IdentityProver, Tokens } from '../../../provider/sessions/identity.ts';
import { systemClock } from '../../../provider/util/clock.ts';
import { SecretString } from '../../../provider/util/secret-string.ts';
import { driverRequest } from '../../lab/driver-attributes.ts';
import { aPod } from '../../lab/pod.ts';
import { callerOf } from '../sessions/fake-store.ts';

const never = new AbortController().signal;
const pod = aPod();
const objects = '- {objectName: a, secretPath: s}';

const requestOf = (tokens?: Parameters<typeof driverRequest>[0]['tokens']) =>
  readRequest({ ...driverRequest({ pod, parameters: {}, tokens }), permission: '420' });
const planOf = (parameters: Record<string, string> = {}) =>
  parseClass('vault', new Map(Object.entries({ roleName: 'web', objects, ...parameters })));

/** Classes with the audience `none` are of a connection that takes only what the driver sends. */
const proofOf: ProofOf = async ({ audience }) => (audience === 'none' ? undefined : { audience });

const callersOf = (identities: IdentityProver, podTokens: PodTokens | undefined, now = () => 1_000) =>
  createCallers(identities, podTokens, proofOf, { ...systemClock, now });

/** A prover that remembers what it was shown, and takes it for proven until 2000. */
function prover(remembers = false, by = { over: false }) {
  const shown: { tokens: string[]; fromMemory: boolean }[] = [];
  const tell = (tokens: Tokens, fromMemory: boolean) => {
    shown.push({ tokens: [...tokens].map(([audience, token]) => `${audience}=${token.reveal()}`), fromMemory });
    return callerOf(pod).identity;
  };
  const identities: IdentityProver = {
    prove: async (_pod, tokens) => tell(tokens, false),
    recall: (_pod, tokens) => (remembers ? { proof: tell(tokens, true), until: 2_000, by } : undefined),
  };
  return { identities, shown };
}

function apiServer(answer: () => SecretString | Error) {
  const asked: unknown[] = [];
  const podTokens = {
    get: async (identity: unknown, wanted: unknown) => {
      asked.push([identity, wanted]);
      const token = answer();
      if (token instanceof Error) throw token;
      return token;
    },
  } as unknown as PodTokens;
  return { podTokens, asked };
}

describe('who asks', () => {
  const tokens = { vault: { token: 'jwt', expirationTimestamp: '' } };

  it('is proven by the tokens of the driver, and the API server is not asked', async () => {
    const { identities, shown } = prover();
    const { podTokens, asked } = apiServer(() => new SecretString('requested'));
    const caller = await callersOf(identities, podTokens)(requestOf(tokens), planOf(), never);
    assert.deepEqual(shown, [{ tokens: ['vault=jwt'], fromMemory: false }]);
    assert.deepEqual(asked, []);
    assert.equal(caller.identity.proven, true);
    assert.equal(caller.tokens.get('vault')?.reveal(), 'jwt');
  });

  it('is proven from memory where that is known', async () => {
    const { identities, shown } = prover(true);
    await callersOf(identities, undefined)(requestOf(tokens), planOf(), never);
    assert.deepEqual(shown, [{ tokens: ['vault=jwt'], fromMemory: true }]);
  });

  it('is the same object for the same request until the proof is over', async () => {
    const { identities, shown } = prover(true);
    let now = 1_000;
    const callers = callersOf(identities, undefined, () => now);
    const request = requestOf(tokens);
    const first = await callers(request, planOf(), never);
    now = 1_999;
    assert.equal(await callers(request, planOf(), never), first);
    assert.equal(shown.length, 1);
    now = 2_000;
    await callers(request, planOf(), never);
    assert.equal(shown.length, 2, 'a token that has ended proves nothing');
    assert.notEqual(await callers(requestOf(tokens), planOf(), never), first, 'an equal request is another one');
  });

  it("is looked at again once the cluster's keys have changed, though the request is the same", async () => {
    const keys = { over: false };
    const { identities, shown } = prover(true, keys);
    const callers = callersOf(identities, undefined);
    const request = requestOf(tokens);
    const first = await callers(request, planOf(), never);
    assert.equal(await callers(request, planOf(), never), first);
    keys.over = true;
    assert.notEqual(await callers(request, planOf(), never), first);
    assert.equal(shown.length, 2);
  });

  it('is looked at again at each Mount where the token was asked for: another class may want another', async () => {
    const { identities, shown } = prover(true);
    const { podTokens } = apiServer(() => new SecretString('requested'));
    const request = requestOf();
    const callers = callersOf(identities, podTokens);
    await callers(request, planOf({ audience: 'v' }), never);
    await callers(request, planOf({ audience: 'w' }), never);
    assert.deepEqual(
      shown.map((one) => one.tokens),
      [['v=requested'], ['w=requested']],
    );
  });

  it('is proven by a token of the API server where the driver sent none, for the audience of the class', async () => {
    const { identities, shown } = prover();
    const { podTokens, asked } = apiServer(() => new SecretString('requested'));
    const caller = await callersOf(identities, podTokens)(requestOf(), planOf({ audience: 'v' }), never);
    assert.deepEqual(shown[0]?.tokens, ['v=requested']);
    const { namespace, serviceAccount, name, uid } = pod;
    assert.deepEqual(asked, [
      [
        { namespace, serviceAccount, pod: name, podUid: uid },
        { driver: 'v', request: 'v' },
      ],
    ]);
    assert.equal(caller.tokens.size, 0);
  });

  it('is not proven where there is no token to be had, which is no error yet', async () => {
    const { identities, shown } = prover();
    const { podTokens } = apiServer(() => new KeymountError('token-missing', 'no'));
    await callersOf(identities, podTokens)(requestOf(), planOf(), never);
    await callersOf(identities, undefined)(requestOf(), planOf(), never);
    assert.deepEqual(
      shown.map((one) => one.tokens),
      [[], []],
    );
  });

  it('is not proven where the connection takes only tokens of the driver: none is asked for', async () => {
    const { podTokens, asked } = apiServer(() => new SecretString('requested'));
    const { identities, shown } = prover();
    await callersOf(identities, podTokens)(requestOf(), planOf({ audience: 'none' }), never);
    assert.deepEqual([asked, shown[0]?.tokens], [[], []]);
  });

  it('fails with any other failure of the API server', async () => {
    const { podTokens } = apiServer(() => new KeymountError('deadline-exceeded', 'late'));
    const work = callersOf(prover().identities, podTokens)(requestOf(), planOf(), never);
    await assert.rejects(work, { code: 'deadline-exceeded' });
  });
});

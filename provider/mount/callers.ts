import { KeymountError } from '../errors.ts';
import type { PodTokens } from '../kube/pod-token.ts';
import type { Access, Plan } from '../plan/plan.ts';
import type { Caller } from '../sessions/caller.ts';
import type { IdentityProver, Tokens } from '../sessions/identity.ts';
import type { MountRequest } from './request.ts';

/**
 * Who asks, proven by the tokens that the driver sent. Where it sent none, a token that we ask the API server for is proof too: it
 * gives one only for a pod that is there and runs as that ServiceAccount.
 */
export function createCallers(
  prover: IdentityProver,
  podTokens: PodTokens | undefined,
  audienceOf: (access: Access, signal: AbortSignal) => Promise<string | undefined>,
) {
  return async (
    { pod, className, tokens, publishSecrets }: MountRequest,
    plan: Plan,
    signal: AbortSignal,
  ): Promise<Caller> => {
    const proofs =
      tokens.size > 0 || podTokens === undefined
        ? tokens
        : await requestProof(pod, plan, podTokens, audienceOf, signal);
    const identity = prover.proveCached(pod, proofs) ?? (await prover.prove(pod, proofs, signal));
    return { identity, tokens, volume: `${pod.uid} ${className}`, publishSecrets };
  };
}

/** The token that the login will ask for; no proof where there is none. */
async function requestProof(
  { namespace, name, uid, serviceAccount }: MountRequest['pod'],
  plan: Plan,
  podTokens: PodTokens,
  audienceOf: (access: Access, signal: AbortSignal) => Promise<string | undefined>,
  signal: AbortSignal,
): Promise<Tokens> {
  const [first] = plan.sources;
  const request = first === undefined ? undefined : await audienceOf(first.access, signal);
  const wanted = { driver: request ?? '', request };
  try {
    const token = await podTokens.get({ namespace, serviceAccount, pod: name, podUid: uid }, wanted, signal);
    return new Map([[request ?? '', token]]);
  } catch (error) {
    // A connection that needs the token says so itself, and another may do without.
    if (error instanceof KeymountError && error.code === 'token-missing') return new Map();
    throw error;
  }
}

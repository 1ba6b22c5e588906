import { KeymountError } from '../errors.ts';
import type { PodTokens } from '../kube/pod-token.ts';
import type { Access, Plan } from '../plan/plan.ts';
import type { Caller } from '../sessions/caller.ts';
import type { IdentityProver, Proof, Remembered, Tokens } from '../sessions/identity.ts';
import type { Clock } from '../util/clock.ts';
import type { MountRequest } from './request.ts';

/** The token that would prove a pod, by its audience, that of the API server if undefined. Undefined: none is to be asked for. */
export type ProofOf = (
  access: Access,
  signal: AbortSignal,
) => Promise<{ readonly audience: string | undefined } | undefined>;

/** Who asked, and how long that holds. */
interface Known extends Omit<Remembered, 'proof'> {
  readonly caller: Caller;
}

/**
 * Who asks, proven by the tokens that the driver sent. Where it sent none, a token that we ask the API server for is proof too: it
 * gives one only for a pod that is there and runs as that ServiceAccount. The same request is the same caller for as long as its
 * proof holds.
 */
export function createCallers(
  prover: IdentityProver,
  podTokens: PodTokens | undefined,
  proofOf: ProofOf,
  clock: Clock,
) {
  const known = new WeakMap<MountRequest, Known>();

  async function proofs({ pod, tokens }: MountRequest, plan: Plan, signal: AbortSignal): Promise<Tokens> {
    if (tokens.size > 0 || podTokens === undefined) return tokens;
    return await requestProof(pod, plan, podTokens, proofOf, signal);
  }

  return async (request: MountRequest, plan: Plan, signal: AbortSignal): Promise<Caller> => {
    const before = known.get(request);
    if (before !== undefined && before.until > clock.now() && before.by?.over !== true) return before.caller;
    const shown = await proofs(request, plan, signal);
    const remembered = prover.recall(request.pod, shown);
    if (remembered === undefined) return callerOf(request, await prover.prove(request.pod, shown, signal));
    const caller = callerOf(request, remembered.proof);
    // A token that was asked for is for one connection: another plan may want another.
    if (shown === request.tokens) known.set(request, { caller, until: remembered.until, by: remembered.by });
    return caller;
  };
}

function callerOf({ pod, className, tokens, publishSecrets }: MountRequest, identity: Proof): Caller {
  return { identity, tokens, volume: `${pod.uid} ${className}`, publishSecrets };
}

/** The token that the login will ask for; no proof where there is none. */
async function requestProof(
  { namespace, name, uid, serviceAccount }: MountRequest['pod'],
  plan: Plan,
  podTokens: PodTokens,
  proofOf: ProofOf,
  signal: AbortSignal,
): Promise<Tokens> {
  const proof = await firstProof(plan, proofOf, signal);
  if (proof === undefined) return new Map();
  const request = proof.audience;
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

/** Of the connections of a class, the first for which one may be asked for. */
async function firstProof({ sources }: Plan, proofOf: ProofOf, signal: AbortSignal): ReturnType<ProofOf> {
  if (sources.length === 0) return { audience: undefined };
  for (const [source] of Map.groupBy(sources, ({ accessKey }) => accessKey).values()) {
    const proof = source === undefined ? undefined : await proofOf(source.access, signal);
    if (proof !== undefined) return proof;
  }
  return undefined;
}

import type { Identity } from '../backends/backend.ts';
import type { SecretString } from '../util/secret-string.ts';
import type { KeySet } from './signing-keys.ts';
import type { TokenClaims, TokenProof } from './token-proof.ts';

/** What the driver says of the pod. A pod's author cannot change it, but nothing in it says so: hence the proof. */
export interface ClaimedPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly serviceAccount: string;
}

/** An identity, as far as it is proven. */
export type Proof = Identity;

/** A proof from memory. */
export interface Remembered {
  readonly proof: Proof;
  /** Until when it holds, in milliseconds since 1970. */
  readonly until: number;
  /** The cluster's keys that prove it, without which it does not hold either. Absent: no token was looked at. */
  readonly by?: Pick<KeySet, 'over'> | undefined;
}

/** Tokens by audience, as the driver or the API server gave them. */
export type Tokens = ReadonlyMap<string, SecretString>;

/**
 * Proof of who asks. An identity is proven if there are tokens, each of them verifies, and each is bound to this very pod and
 * ServiceAccount: kubelet sends no others, so one odd token means that a class or a pod's volumeAttributes wrote them, and then
 * none is worth anything. A proven identity carries the ServiceAccount's uid: one that was made anew under the same name is
 * another.
 */
export interface IdentityProver {
  /** Verifies what is new. Not to prove anything is no error; throws only the signal's reason. */
  readonly prove: (pod: ClaimedPod, tokens: Tokens, signal: AbortSignal) => Promise<Proof>;
  /** The same from memory; undefined: there is a token that was not verified yet, or did not verify. */
  readonly recall: (pod: ClaimedPod, tokens: Tokens) => Remembered | undefined;
}

/** A CSIDriver asks for a few audiences; verifying thousands for a class that made them up would be work for nothing. */
const mostTokens = 32;

/** `tokenProof` undefined: there is no cluster, and no pod can be proven. */
export function createIdentityProver(tokenProof: TokenProof | undefined): IdentityProver {
  if (tokenProof === undefined) {
    return {
      prove: async (pod) => unproven(pod),
      recall: (pod) => ({ proof: unproven(pod), until: Number.POSITIVE_INFINITY }),
    };
  }
  return {
    async prove(pod, tokens, signal) {
      if (tokens.size > mostTokens) return unproven(pod);
      const all = await Promise.all([...tokens.values()].map((token) => tokenProof.verify(token, signal)));
      return conclude(pod, all);
    },
    recall(pod, tokens) {
      if (tokens.size > mostTokens) return undefined;
      const all: TokenClaims[] = [];
      for (const token of tokens.values()) {
        const claims = tokenProof.recall(token);
        if (claims === undefined) return undefined;
        all.push(claims);
      }
      return { proof: conclude(pod, all), until: Math.min(...all.map(({ expires }) => expires)), by: all[0]?.by };
    },
  };
}

function conclude(pod: ClaimedPod, all: readonly (TokenClaims | undefined)[]): Proof {
  const valid = all.filter((claims) => claims !== undefined);
  if (valid.some((claims) => !agrees(claims, pod))) return { ...unproven(pod), mismatch: true };
  if (valid.length < all.length) return unproven(pod);
  // Two uids: the ServiceAccount was made anew, and one of the tokens is from before.
  const [uid, ...others] = new Set(valid.map((claims) => claims.serviceAccountUid));
  if (uid === undefined || others.length > 0) return unproven(pod);
  return { ...unproven(pod), serviceAccountUid: uid, proven: true };
}

function agrees(claims: TokenClaims, pod: ClaimedPod): boolean {
  return (
    claims.namespace === pod.namespace &&
    claims.pod === pod.name &&
    claims.podUid === pod.uid &&
    claims.serviceAccount === pod.serviceAccount
  );
}

function unproven(pod: ClaimedPod): Identity {
  return {
    namespace: pod.namespace,
    serviceAccount: pod.serviceAccount,
    serviceAccountUid: undefined,
    pod: pod.name,
    podUid: pod.uid,
    proven: false,
  };
}

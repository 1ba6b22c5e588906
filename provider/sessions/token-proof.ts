import { hash } from 'node:crypto';
import { errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../util/clock.ts';
import type { SecretString } from '../util/secret-string.ts';
import { createSigningKeys, type KeySet } from './signing-keys.ts';

/** What a verified, pod-bound ServiceAccount token says. */
export interface TokenClaims {
  /** Until when this holds, in milliseconds since 1970: until the token ends, for an hour at most. */
  readonly expires: number;
  /** What verified it. It proves nothing any more once that set is over. */
  readonly by: KeySet;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly serviceAccountUid: string;
  readonly pod: string;
  readonly podUid: string;
}

/** Verifies ServiceAccount tokens against the cluster's keys, each token once an hour for as long as those stay as they are. */
export interface TokenProof {
  /**
   * undefined: forged, expired, not bound to a pod, junk, or there are no keys to verify it with. Throws only the signal's
   * reason.
   */
  readonly verify: (token: SecretString, signal: AbortSignal) => Promise<TokenClaims | undefined>;
  /** The claims of a token that was verified before and is still valid, by keys that the cluster still has. */
  readonly recall: (token: SecretString) => TokenClaims | undefined;
  /** Looks in the background whether the cluster changed its keys, if that is due. To be called every minute or so. */
  readonly refreshKeys: () => void;
  /** Tokens remembered. */
  readonly size: () => number;
}

export interface TokenProofDeps {
  /** The cluster's JWKS; should give up after two or three seconds. */
  readonly jwks: (signal: AbortSignal) => Promise<JSONWebKeySet>;
  readonly clock: Clock;
  /** The cluster's `--service-account-issuer`, if known. Without it the signature alone says that the cluster made the token. */
  readonly issuer?: string | undefined;
  readonly onKeysUnavailable: (error: unknown) => void;
  /** The cluster changed its keys, and everything that they proved was forgotten. */
  readonly onKeysChanged?: () => void;
  /** Tokens remembered, 1024 unless told. */
  readonly capacity?: number;
}

/** What kube-apiserver and external signers sign with ("Managing Service Accounts", KEP-740); never a symmetric algorithm. */
const algorithms = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512'];
/** Seconds that this node's clock may differ from the API server's. */
const leeway = 10;
/** Characters; tokens of Kubernetes have about a thousand. */
const longestToken = 16 * 1024;
/** Milliseconds for which a token is taken for verified. */
const longestProof = 3_600_000;

export function createTokenProof(deps: TokenProofDeps): TokenProof {
  const { clock, issuer } = deps;
  const remembered = new LRUCache<string, TokenClaims>({ max: deps.capacity ?? 1024 });
  const keys = createSigningKeys({
    fetch: deps.jwks,
    clock,
    onFailure: deps.onKeysUnavailable,
    onOver() {
      remembered.clear();
      deps.onKeysChanged?.();
    },
  });

  function recall(token: SecretString): TokenClaims | undefined {
    const known = remembered.get(digest(token));
    return known !== undefined && known.expires > clock.now() && !known.by.over ? known : undefined;
  }

  async function check(token: string, { keys: set }: KeySet): Promise<JWTPayload | 'unknown key' | undefined> {
    try {
      const verified = await jwtVerify(token, set, {
        algorithms,
        clockTolerance: leeway,
        currentDate: new Date(clock.now()),
        requiredClaims: ['exp'],
        ...(issuer === undefined ? {} : { issuer }),
      });
      return verified.payload;
    } catch (error) {
      return error instanceof errors.JWKSNoMatchingKey ? 'unknown key' : undefined;
    }
  }

  async function prove(token: string, signal: AbortSignal): Promise<TokenClaims | undefined> {
    let set = await keys.get(signal);
    while (set !== undefined) {
      const payload = await check(token, set);
      // A set that was replaced meanwhile proves nothing, and the one in its place may have the key.
      const isTold = payload !== 'unknown key' && !set.over;
      if (isTold) return payload && claimsOf(payload, set, clock.now() + longestProof);
      set = await keys.getOther(set, signal);
    }
    return undefined;
  }

  return {
    async verify(token, signal) {
      const known = recall(token);
      if (known !== undefined) return known;
      const text = token.reveal();
      if (text.length > longestToken) return undefined;
      const claims = await prove(text, signal);
      if (claims !== undefined) remembered.set(digest(token), claims);
      return claims;
    },
    recall,
    refreshKeys: keys.refresh,
    size: () => remembered.size,
  };
}

function digest(token: SecretString): string {
  return hash('sha256', token.reveal(), 'base64');
}

/** The private claim `kubernetes.io` of a bound token; older tokens, and those bound to nothing, have no pod in it. */
function claimsOf(payload: JWTPayload, by: KeySet, until: number): TokenClaims | undefined {
  const kubernetes = payload['kubernetes.io'];
  const namespace = text(kubernetes, 'namespace');
  const serviceAccount = field(kubernetes, 'serviceaccount');
  const pod = field(kubernetes, 'pod');
  const claims = {
    expires: Math.min((payload.exp ?? 0) * 1000, until),
    by,
    namespace,
    serviceAccount: text(serviceAccount, 'name'),
    serviceAccountUid: text(serviceAccount, 'uid'),
    pod: text(pod, 'name'),
    podUid: text(pod, 'uid'),
  };
  return isComplete(claims) ? claims : undefined;
}

function isComplete(claims: { [Name in keyof TokenClaims]: TokenClaims[Name] | undefined }): claims is TokenClaims {
  return Object.values(claims).every((claim) => claim !== undefined && claim !== '');
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function text(value: unknown, name: string): string | undefined {
  const found = field(value, name);
  return typeof found === 'string' ? found : undefined;
}

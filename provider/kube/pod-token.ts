import { LRUCache } from 'lru-cache';
import { KeymountError } from '../errors.ts';
import type { Clock } from '../util/clock.ts';
import { Flights } from '../util/flight.ts';
import type { SecretString } from '../util/secret-string.ts';
import type { CallOptions, KubeApi } from './api.ts';
import { describe, KubeError } from './kube-error.ts';
import { type IssuedToken, requestToken } from './service-accounts.ts';

/** The pod that a token is asked for. */
export interface BoundPod {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly pod: string;
  readonly podUid: string;
}

export interface WantedAudience {
  /** For which the driver sent no token. */
  readonly driver: string;
  /** For which to ask; undefined: the API server's own audience, as the Go Vault provider does for a class that names none. */
  readonly request: string | undefined;
}

/** Tokens that keymount asks the API server for, where the driver sent none. */
export interface PodTokens {
  /**
   * A token of the pod's ServiceAccount, bound to the pod, that lives for at least two more minutes. Throws `token-missing`,
   * which names `audience.driver`.
   */
  readonly get: (pod: BoundPod, audience: WantedAudience, signal: AbortSignal) => Promise<SecretString>;
  /**
   * A new one that lives for so many seconds (at least ten minutes), or for as long as the API server allows. It is not remembered.
   * Throws what the API server says.
   */
  readonly request: (
    pod: BoundPod,
    audience: string | undefined,
    seconds: number,
    signal: AbortSignal,
  ) => Promise<SecretString>;
  /** The same without asking anybody; undefined: `get` would have to ask. */
  readonly getCached: (pod: BoundPod, audience: WantedAudience) => SecretString | undefined;
  /** The cluster changed its keys: tokens from before may be worth nothing, so none of them is handed out any more. */
  readonly forget: () => void;
}

export interface PodTokensDeps {
  readonly api: KubeApi;
  readonly clock: Clock;
  /** Tokens remembered, 4096 unless told. */
  readonly capacity?: number;
}

/** What the Go Vault provider asks for: 15 minutes. */
const lifetime = 900;
/** Milliseconds for a token in place of one that is there already: a Mount must not wait for an API server that hangs. */
const patience = 2_000;
/** Seconds: the API server refuses less. */
const shortest = 600;
/** A token that ends within this many milliseconds is not handed out any more: the login still has to happen. */
const margin = 120_000;

export function createPodTokens({ api, clock, capacity = 4096 }: PodTokensDeps): PodTokens {
  const remembered = new LRUCache<string, IssuedToken>({ max: capacity });
  const flights = new Flights<SecretString>();

  async function request(pod: BoundPod, audience: string | undefined, seconds: number, options: CallOptions) {
    const spec = {
      audiences: audience === undefined ? [] : [audience],
      expirationSeconds: Math.max(shortest, seconds),
      boundPod: { name: pod.pod, uid: pod.podUid },
    };
    return await requestToken(api, pod.namespace, pod.serviceAccount, spec, options);
  }

  async function requestUsual(key: string, pod: BoundPod, audience: string | undefined, signal: AbortSignal) {
    const issued = await request(pod, audience, lifetime, { signal });
    remembered.set(key, issued);
    return issued.token;
  }

  function usable(key: string): SecretString | undefined {
    const known = remembered.get(key);
    return known !== undefined && known.expires - margin > clock.now() ? known.token : undefined;
  }

  return {
    forget: () => remembered.clear(),
    request: async (pod, audience, seconds, signal) =>
      (await request(pod, audience, seconds, { signal, timeout: patience })).token,
    getCached: (pod, audience) => usable(keyOf(pod, audience.request)),
    async get(pod, audience, signal) {
      const key = keyOf(pod, audience.request);
      const known = usable(key);
      if (known !== undefined) return known;
      try {
        return await flights.run(key, signal, (shared) => requestUsual(key, pod, audience.request, shared));
      } catch (error) {
        signal.throwIfAborted();
        throw explain(error, pod, audience.driver);
      }
    },
  };
}

function keyOf(pod: BoundPod, audience: string | undefined): string {
  return JSON.stringify([pod.podUid, pod.namespace, pod.pod, pod.serviceAccount, audience ?? null]);
}

/** The driver sent no token for the audience. `why` says why none was requested, or given, instead. */
export function tokenMissing(audience: string, why?: string, hint = tokenRequestsHint(audience)): KeymountError {
  const message = `the driver sent no ServiceAccount token for audience "${audience}"`;
  return new KeymountError('token-missing', message, { reason: why, hint });
}

function tokenRequestsHint(audience: string): string {
  return `add {audience: ${JSON.stringify(audience)}} to spec.tokenRequests of the CSIDriver secrets-store.csi.k8s.io`;
}

function explain(error: unknown, pod: BoundPod, audience: string): KeymountError {
  const account = `ServiceAccount ${pod.namespace}/${pod.serviceAccount}`;
  const why = `and the API server gave none for ${account} (${describe(error)})`;
  switch (error instanceof KubeError ? error.status : undefined) {
    case 401:
      return tokenMissing(audience, why, "the API server refuses keymount's own credentials");
    case 403:
      return tokenMissing(
        audience,
        why,
        `${tokenRequestsHint(audience)}, or allow keymount to create serviceaccounts/token`,
      );
    case 404:
    case 409:
      return tokenMissing(audience, why, 'the pod or its ServiceAccount is gone, or was made anew under the same name');
    default:
      return tokenMissing(audience, why);
  }
}

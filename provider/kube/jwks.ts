import { ownKey } from '../util/json.ts';
import { apiPath, type CallOptions, type KubeApi } from './api.ts';
import { KubeError, noAnswer } from './kube-error.ts';

/** A public key as in RFC 7517: `kty`, `kid`, `alg` and what its type needs. */
export type PublicJwk = Readonly<Record<string, string>> & { readonly kty: string };

export interface PublicJwks {
  readonly keys: PublicJwk[];
}

/** Milliseconds: Mounts wait for it, and can do without. */
const patience = 2500;

/**
 * The keys that sign this cluster's ServiceAccount tokens: `/openid/v1/jwks`, see "ServiceAccount issuer discovery" of the
 * Kubernetes documentation. Every ServiceAccount may read it by default (`system:service-account-issuer-discovery`). Gives up after 2.5 s unless told.
 */
export async function getJwks(api: KubeApi, options?: CallOptions): Promise<PublicJwks> {
  const reply = await api.get(apiPath('openid', 'v1', 'jwks'), { timeout: patience, ...options });
  const keys = ownKey(reply, 'keys');
  if (!Array.isArray(keys)) throw new KubeError(undefined, noAnswer.badReply, 'the reply is no JSON Web Key Set');
  return { keys: keys.flatMap((key) => publicJwk(key) ?? []) };
}

// Only strings: what a key of RSA, EC or OKP needs, and nothing that a library could trip over.
function publicJwk(value: unknown): PublicJwk | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const strings = Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  const key = Object.fromEntries(strings);
  return key['kty'] === undefined ? undefined : { ...key, kty: key['kty'] };
}

import type { OpenBao } from './openbao.ts';
import type { TokenIssuer } from './pod-token.ts';

/** A role of an auth method. */
export interface Role {
  name: string;
  policies: string[];
  /** Of the auth mount, `jwt` or `kubernetes` unless told. */
  mount?: string;
  /** The `aud` that a token must have, `vault` unless told. */
  audience?: string;
  /** Of the tokens it hands out, such as `2s`; `1h` unless told. */
  ttl?: string;
  /** Anything else the role's API takes, such as `token_num_uses`. */
  more?: Record<string, unknown>;
}

/** Mounts a `jwt` auth method that accepts the issuer's tokens by its public key. */
export async function enableJwtAuth(bao: OpenBao, issuer: TokenIssuer, mount = 'jwt'): Promise<void> {
  await bao.write(`sys/auth/${mount}`, { type: 'jwt' });
  await bao.write(`auth/${mount}/config`, {
    jwt_validation_pubkeys: [issuer.publicKeyPem],
    bound_issuer: issuer.issuer,
  });
}

export async function jwtRole(bao: OpenBao, role: Role): Promise<void> {
  await bao.write(`auth/${role.mount ?? 'jwt'}/role/${role.name}`, {
    role_type: 'jwt',
    user_claim: 'sub',
    bound_audiences: [role.audience ?? 'vault'],
    token_policies: role.policies,
    token_ttl: role.ttl ?? '1h',
    ...role.more,
  });
}

/** The API server that a `kubernetes` auth method asks for a TokenReview. */
export interface ReviewingApi {
  /** Its https address. */
  address: string;
  caPem: string;
  /** A token that may create TokenReviews. */
  reviewerToken: string;
}

export async function enableKubernetesAuth(bao: OpenBao, api: ReviewingApi, mount = 'kubernetes'): Promise<void> {
  await bao.write(`sys/auth/${mount}`, { type: 'kubernetes' });
  await bao.write(`auth/${mount}/config`, {
    kubernetes_host: api.address,
    kubernetes_ca_cert: api.caPem,
    token_reviewer_jwt: api.reviewerToken,
    disable_local_ca_jwt: true,
  });
}

export async function kubernetesRole(bao: OpenBao, role: Role): Promise<void> {
  await bao.write(`auth/${role.mount ?? 'kubernetes'}/role/${role.name}`, {
    bound_service_account_names: ['*'],
    bound_service_account_namespaces: ['*'],
    audience: role.audience ?? 'vault',
    token_policies: role.policies,
    token_ttl: role.ttl ?? '1h',
    ...role.more,
  });
}

/** Logs in as a pod would; the client token, or an Error with the server's words. */
export async function login(bao: OpenBao, mount: string, role: string, jwt: string): Promise<string> {
  const reply = await bao.request('POST', `auth/${mount}/login`, { token: null, body: { role, jwt } });
  const { auth, errors } = reply.body as { auth?: { client_token: string }; errors?: string[] };
  if (!auth) throw new Error(`login with role ${role}: ${reply.status} ${errors?.join(', ')}`);
  return auth.client_token;
}

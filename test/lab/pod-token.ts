import { createHash, generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pod } from './pod.ts';

/** The issuer of a kubeadm cluster, and of `fakekube` unless told. */
export const clusterIssuer = 'https://kubernetes.default.svc.cluster.local';

/** What stands for the cluster's ServiceAccount signing key. */
export interface TokenIssuer {
  issuer: string;
  /** PKIX, PEM: what `auth/jwt/config` takes as `jwt_validation_pubkeys`. */
  publicKeyPem: string;
  /** What an API server serves at /openid/v1/jwks. */
  jwks: { keys: Record<string, string>[] };
  /** A token as kubelet requests it for a pod, for one audience. */
  mint(pod: Pod, audience: string, options?: TokenOptions): PodToken;
  /** Signs any claims, for tokens that no cluster would issue. */
  signClaims(claims: object, header?: object): string;
  /** Writes the key pair as `sa.key` (PKCS#8) and `sa.pub` into a folder, for programs that need files. */
  writeTo(folder: string): { keyFile: string; publicKeyFile: string };
}

export interface TokenOptions {
  /** Seconds, 3600 unless told; negative for a token that is past its end. */
  ttl?: number;
  /** When the token is issued, in milliseconds since 1970. */
  now?: number;
  /** Added to, or written over, the claims of a good token. */
  claims?: Record<string, unknown>;
}

/** One entry of `csi.storage.k8s.io/serviceAccount.tokens`. */
export interface PodToken {
  token: string;
  /** RFC 3339, whole seconds. */
  expirationTimestamp: string;
}

/** Tokens by audience, as kubelet hands them to a driver. */
export type PodTokens = Record<string, PodToken>;

/** A new RS256 signing key. Making one takes about 100 ms: share it within a test file. */
export function createTokenIssuer(issuer = clusterIssuer): TokenIssuer {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const kid = keyId(publicKey);
  const publicKeyPem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const { n, e } = publicKey.export({ format: 'jwk' }) as { n: string; e: string };

  function signClaims(claims: object, header: object = {}): string {
    const signed = `${base64url({ alg: 'RS256', kid, ...header })}.${base64url(claims)}`;
    return `${signed}.${sign('RSA-SHA256', Buffer.from(signed), privateKey).toString('base64url')}`;
  }

  return {
    issuer,
    publicKeyPem,
    jwks: { keys: [{ use: 'sig', kty: 'RSA', kid, alg: 'RS256', n, e }] },
    signClaims,
    mint(pod, audience, options = {}) {
      const claims = podClaims(issuer, pod, audience, options);
      return { token: signClaims(claims), expirationTimestamp: rfc3339(claims.exp) };
    },
    writeTo(folder) {
      const [keyFile, publicKeyFile] = [join(folder, 'sa.key'), join(folder, 'sa.pub')] as const;
      writeFileSync(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
      writeFileSync(publicKeyFile, publicKeyPem);
      return { keyFile, publicKeyFile };
    },
  };
}

/** One token for each audience, as CSIDriver `tokenRequests` ask for. */
export function podTokens(issuer: TokenIssuer, pod: Pod, audiences: string[], options: TokenOptions = {}): PodTokens {
  return Object.fromEntries(audiences.map((audience) => [audience, issuer.mint(pod, audience, options)]));
}

/** The claims of a token bound to a pod (k8s.io/kubernetes v1.34, pkg/serviceaccount/claims.go). */
function podClaims(issuer: string, pod: Pod, audience: string, options: TokenOptions) {
  const { ttl = 3600, now = Date.now(), claims = {} } = options;
  const issuedAt = Math.floor(now / 1000);
  return {
    aud: [audience],
    exp: issuedAt + ttl,
    iat: issuedAt,
    iss: issuer,
    jti: randomUUID(),
    'kubernetes.io': {
      namespace: pod.namespace,
      pod: { name: pod.name, uid: pod.uid },
      serviceaccount: { name: pod.serviceAccount, uid: pod.serviceAccountUid },
    },
    nbf: issuedAt,
    sub: `system:serviceaccount:${pod.namespace}:${pod.serviceAccount}`,
    ...claims,
  };
}

/** Kubernetes names a key by the SHA-256 of its SubjectPublicKeyInfo. */
function keyId(publicKey: KeyObject): string {
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64url');
}

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function rfc3339(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
}

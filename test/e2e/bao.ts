import { type OpenBao, startOpenBao } from '../lab/openbao.ts';
import { enableJwtAuth, jwtRole } from '../lab/openbao-auth.ts';
import type { TokenIssuer } from '../lab/pod-token.ts';
import { vaultClass } from './requests.ts';

/** What the role `app` may read. */
export const appPolicy = `
path "secret/data/shop/*" { capabilities = ["read"] }
path "kv1/shop/*" { capabilities = ["read"] }
path "pki/issue/web" { capabilities = ["create", "update"] }
`;

/** An OpenBao with KV v2 at `secret/`, KV v1 at `kv1/`, and a role `app` for pods that come with audience `vault`. */
export async function startBao(issuer: TokenIssuer, options: { durable?: boolean } = {}): Promise<OpenBao> {
  const bao = await startOpenBao(options);
  await bao.mount('kv1', 'kv', { version: '1' });
  await bao.policy('app', appPolicy);
  await enableJwtAuth(bao, issuer);
  await jwtRole(bao, { name: 'app', policies: ['app'] });
  return bao;
}

/** A class for it: role `app` at `auth/jwt`. */
export function baoClass(
  address: string,
  objects: Record<string, unknown>[],
  parameters: Record<string, string> = {},
): Record<string, string> {
  return vaultClass(objects, { vaultAddress: address, vaultAuthMountPath: 'jwt', ...parameters });
}

/** An object of a class: its file, and a key of the secret at this path. */
export function object(objectName: string, secretPath: string, secretKey?: string, more: Record<string, unknown> = {}) {
  return { objectName, secretPath, ...(secretKey === undefined ? {} : { secretKey }), ...more };
}

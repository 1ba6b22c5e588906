import { canaries, type Keymount, type KeymountOptions, startKeymount } from '../e2e/keymount.ts';
import { vaultClass } from '../e2e/requests.ts';
import { type FakeKube, startFakeKube } from '../lab/fakekube.ts';
import { type OpenBao, startOpenBao } from '../lab/openbao.ts';
import { enableJwtAuth, enableKubernetesAuth, jwtRole, kubernetesRole } from '../lab/openbao-auth.ts';
import { createTokenIssuer, type TokenIssuer } from '../lab/pod-token.ts';
import { type LabProxy, startProxy } from '../lab/proxy.ts';

/** A node with an OpenBao that asks a Kubernetes API who logs in, behind a proxy that counts. */
export interface SharingLab {
  readonly bao: OpenBao;
  readonly kube: FakeKube;
  readonly issuer: TokenIssuer;
  readonly proxy: LabProxy;
  /** Starts keymount, with what it may know of the cluster and the proxy as its Vault. */
  keymount(args?: string[], options?: KeymountOptions): Promise<Keymount>;
  stop(): Promise<void>;
}

/** What all roles may do. */
export const appPolicy = `
path "secret/data/shop/*" { capabilities = ["read"] }
path "pki/issue/web" { capabilities = ["create", "update"] }
path "identity/oidc/token/web" { capabilities = ["read"] }
`;

/** Roles `app` for everybody and `web` for shop/web alone at auth/kubernetes, and `app` at auth/jwt. */
export async function startSharingLab(): Promise<SharingLab> {
  const issuer = createTokenIssuer();
  const [bao, kube] = await Promise.all([startOpenBao(), startFakeKube(issuer)]);
  canaries.watchJwt('the token of keymount itself', kube.reviewerToken);
  await bao.policy('app', appPolicy);
  await enableKubernetesAuth(bao, kube);
  await kubernetesRole(bao, { name: 'app', policies: ['app'] });
  await kubernetesRole(bao, {
    name: 'web',
    policies: ['app'],
    more: { bound_service_account_names: ['web'], bound_service_account_namespaces: ['shop'] },
  });
  await enableJwtAuth(bao, issuer);
  await jwtRole(bao, { name: 'app', policies: ['app'] });
  const proxy = await startProxy(bao.address);
  return {
    ...{ bao, kube, issuer, proxy },
    keymount: (args = [], options = {}) =>
      startKeymount({ ...options, args: ['--vault-addr', proxy.address, '--kubeconfig', kube.kubeconfig, ...args] }),
    async stop() {
      await proxy.close();
      await Promise.all([bao.stop(), kube.stop()]);
    },
  };
}

/** A class at auth/kubernetes; role `app` unless told. */
export function kubernetesClass(
  objects: Record<string, unknown>[],
  parameters: Record<string, string> = {},
): Record<string, string> {
  return vaultClass(objects, { vaultAuthMountPath: 'kubernetes', ...parameters });
}

/** One file of `secret/shop/<name>`. */
export function password(name: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return { objectName: 'password', secretPath: `secret/data/shop/${name}`, secretKey: 'password', ...more };
}

export const logins = /\/login$/;
export const reads = /^GET \/v1\/secret\/data\//;

import assert from 'node:assert/strict';
import type { Session as AnySession, Login, Secret } from '../../provider/backends/backend.ts';
import { vaultBackend } from '../../provider/backends/vault/index.ts';
import type { VaultRef } from '../../provider/backends/vault/ref.ts';
import { formatError, KeymountError } from '../../provider/errors.ts';
import type { NewSource } from '../../provider/plan/sources.ts';
import { SecretString } from '../../provider/util/secret-string.ts';
import { type OpenBao, type OpenBaoOptions, startOpenBao } from '../lab/openbao.ts';
import { enableJwtAuth, jwtRole } from '../lab/openbao-auth.ts';
import { aPod } from '../lab/pod.ts';
import { createTokenIssuer, type TokenOptions } from '../lab/pod-token.ts';
import { type LabProxy, startProxy } from '../lab/proxy.ts';
import { contractDeps, errorOf, noCluster, sourceOf } from './contract.ts';

type Session = AnySession<VaultRef>;

const issuer = createTokenIssuer();
const pod = aPod({ name: 'web-1' });

/** Never aborts. */
export const signal = new AbortController().signal;

/** The login of a pod of `shop/web` with a real token for the audience. */
export function loginAs(role: string | undefined, audience = 'vault', options: TokenOptions = {}): Login {
  const { namespace, serviceAccount, name, uid } = pod;
  return {
    identity: { namespace, serviceAccount, serviceAccountUid: undefined, pod: name, podUid: uid, proven: false },
    role,
    audience: undefined,
    token: async () => new SecretString(issuer.mint(pod, audience, options).token),
    publishSecrets: new Map(),
    ...noCluster,
  };
}

/** A server with KV version 2 at `secret/`, version 1 at `kv1/`, and a role `web` of jwt auth that may read both. */
export async function startPreparedOpenBao(options: OpenBaoOptions = {}): Promise<OpenBao> {
  const bao = await startOpenBao(options);
  await enableJwtAuth(bao, issuer);
  await bao.mount('kv1', 'kv', { version: '1' });
  await bao.policy('all', 'path "secret/*" { capabilities = ["read"] }\npath "kv1/*" { capabilities = ["read"] }');
  await jwtRole(bao, { name: 'web', policies: ['all'] });
  return bao;
}

/** The same behind a proxy, with secrets `secret/app` (two versions) and `kv1/app`, and ways to read them. */
export interface VaultLab {
  readonly bao: OpenBao;
  readonly proxy: LabProxy;
  /** A session of that login, with jwt auth through the proxy unless the settings say otherwise. */
  connect(login: Login, settings?: Record<string, unknown>): Promise<Session>;
  value(session: Session, address: string, more?: Partial<NewSource>): Promise<Secret>;
  /** The text of the error of a read or of a login. */
  failing(session: Session, address: string, more?: Partial<NewSource>): Promise<string>;
  refused(login: Login, settings?: Record<string, unknown>): Promise<string>;
  read(session: Session, address: string, more?: Partial<NewSource>): Promise<PromiseSettledResult<Secret> | undefined>;
  close(): Promise<void>;
}

export async function startVaultLab(options: OpenBaoOptions = {}): Promise<VaultLab> {
  const bao = await startPreparedOpenBao(options);
  const proxy = await startProxy(bao.address);
  await bao.policy('app', 'path "secret/data/app" { capabilities = ["read"] }');
  await jwtRole(bao, { name: 'narrow', policies: ['app'] });
  await bao.putKv2('app', { k: 'v1' });
  await bao.putKv2('app', { k: 'v2' });
  await bao.write('kv1/app', { k: 'v', data: { x: 'y' } });
  const lab: VaultLab = {
    bao,
    proxy,
    connect(login, settings = {}) {
      const all = { address: proxy.address, auth: { method: 'jwt' }, ...settings };
      return vaultBackend.connect(vaultBackend.connectionSchema.parse(all), login, contractDeps, signal);
    },
    async read(session, address, more = {}) {
      const refs = [vaultBackend.parseRef(sourceOf(address, more))];
      return (await Promise.allSettled(session.read(refs, signal)))[0];
    },
    async value(session, address, more) {
      const result = await lab.read(session, address, more);
      if (result?.status === 'fulfilled') return result.value;
      throw result?.reason;
    },
    failing: async (session, address, more) => formatError(errorOf(await lab.read(session, address, more))),
    async refused(login, settings) {
      const [result] = await Promise.allSettled([lab.connect(login, settings)]);
      assert.ok(result?.status === 'rejected' && result.reason instanceof KeymountError);
      return formatError(result.reason);
    },
    async close() {
      await proxy.close();
      await bao.stop();
    },
  };
  return lab;
}

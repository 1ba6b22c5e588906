import { createHash } from 'node:crypto';
import { KeymountError } from '../../errors.ts';
import { azureBindingAudience } from '../audiences.ts';
import type { BackendDeps, Login } from '../backend.ts';
import { clientOf, tenantOf } from './account.ts';
import type { Authority, Who } from './authority.ts';
import { type Cloud, resolveCloud } from './clouds.ts';
import type { AzureAuth, AzureConnection } from './connection.ts';
import { requestToken, type TokenRequest } from './entra.ts';
import type { TokenProxies } from './identity-binding.ts';
import { requestManagedToken } from './managed-identity.ts';
import { servicePrincipalOf } from './service-principal.ts';
import type { Tokens } from './tokens.ts';
import type { Transport } from './transport.ts';

/** A pod that may ask a vault. */
export interface LoggedIn {
  readonly cloud: Cloud;
  readonly who: Who;
  /** Set where the identity is the ServiceAccount's, and proven. */
  readonly serviceAccountUid: string | undefined;
  /** A token for a resource, from memory if there is one that is young. */
  readonly authorityFor: (resource: string, signal: AbortSignal) => Promise<Authority>;
  /** The vault did not accept it: nobody shall be given it again. */
  readonly forget: (resource: string) => void;
}

export interface LoginParts {
  readonly send: Transport;
  readonly tokens: Tokens;
  readonly proxies: TokenProxies;
  readonly deps: BackendDeps;
}

/** Finds out as whom to log in; asks for no token yet. Throws `token-missing`, `class-invalid`, `cluster-unavailable`. */
export async function prepareLogin(
  connection: AzureConnection,
  login: Login,
  parts: LoginParts,
  signal: AbortSignal,
): Promise<LoggedIn> {
  checkPod(login);
  const cloud = await resolveCloud(connection.cloud);
  const { auth } = connection;
  if (auth.method === 'managed-identity') return withManagedIdentity(auth, connection, cloud, parts);
  const authority = connection.authority ?? cloud.authority;
  const { namespace, serviceAccount } = login.identity;
  const bySecret = auth.method === 'service-principal' || (auth.method === 'pod' && login.publishSecrets.size > 0);
  const account = bySecret
    ? await servicePrincipal(connection, login, signal)
    : await workloadIdentity({ ...connection, auth }, login, parts.proxies, signal);
  const { serviceAccountUid, proof, method, ...rest } = account;
  const who = { clientId: shownClient(account), tenant: account.tenant, method };
  // A connection that trusts less must not bring the token of one that trusts more.
  const place = [authority.text, connection.tls, connection.proxy ?? null, rest.via ?? null];
  const keyOf = (resource: string) => JSON.stringify([place, rest.tenant, rest.clientId, namespace, proof, resource]);
  return {
    cloud,
    who,
    serviceAccountUid,
    authorityFor: (resource, asking) =>
      parts.tokens.get(keyOf(resource), asking, (shared) => {
        const request = { ...rest, authority, resource, who, account: `${namespace}/${serviceAccount}` };
        return requestToken(request, parts.send, parts.deps.clock.now, shared);
      }),
    forget: (resource) => parts.tokens.forget(keyOf(resource)),
  };
}

/** As whom to ask Entra ID, and what to show for it. */
interface Account extends Pick<TokenRequest, 'clientId' | 'tenant' | 'credential' | 'via'> {
  readonly method: string;
  /** What makes two logins the same. */
  readonly proof: string;
  readonly serviceAccountUid: string | undefined;
}

async function servicePrincipal(connection: AzureConnection, login: Login, signal: AbortSignal): Promise<Account> {
  const { clientId, secret } = servicePrincipalOf(login.publishSecrets);
  const tenant = await tenantOf(connection, login, signal);
  const proof = hashOf(`${clientId}\n${secret}`);
  const method = 'service principal';
  return { method, clientId, tenant, proof, credential: { secret }, serviceAccountUid: undefined };
}

async function workloadIdentity(
  connection: AzureConnection & {
    readonly auth: Exclude<AzureAuth, { method: 'managed-identity' | 'service-principal' }>;
  },
  login: Login,
  proxies: TokenProxies,
  signal: AbortSignal,
): Promise<Account> {
  const { auth } = connection;
  const clientId = await clientOf(auth, login, signal);
  const tenant = await tenantOf(connection, login, signal);
  const audience = login.audience ?? audienceOf(auth) ?? '';
  const assertion = (await login.token(audience, signal)).reveal();
  const { namespace, serviceAccount, serviceAccountUid, proven } = login.identity;
  const through = auth.method === 'identity-binding' ? await proxies.locate(auth.proxy, signal) : undefined;
  return {
    method: 'workload identity',
    clientId,
    tenant,
    credential: { assertion },
    // Whoever shows the very same token is as good as the pod; otherwise only proof tells that it is the same ServiceAccount.
    proof: proven ? JSON.stringify([namespace, serviceAccount, serviceAccountUid, audience]) : hashOf(assertion),
    serviceAccountUid: proven ? serviceAccountUid : undefined,
    ...(through === undefined ? {} : { via: { ...through, near: true } }),
  };
}

/** The Go provider wants to know who asks, whatever the identity is. */
function checkPod({ identity }: Login): void {
  const missing = identity.pod === '' ? 'name' : identity.namespace === '' ? 'namespace' : undefined;
  if (missing === undefined) return;
  throw new KeymountError('request-malformed', `pod ${missing} is not provided`, {
    hint: 'the CSIDriver needs podInfoOnMount: true',
  });
}

/** Of a service principal only what looks like one: its secret may have been put in its place. */
function shownClient({ clientId, credential }: Account): string | undefined {
  const looksRight = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(clientId);
  return 'assertion' in credential || looksRight ? clientId : undefined;
}

function withManagedIdentity(
  auth: Extract<AzureAuth, { method: 'managed-identity' }>,
  { tenant }: AzureConnection,
  cloud: Cloud,
  { send, tokens, deps }: LoginParts,
): LoggedIn {
  const who = { clientId: auth.clientId, tenant, method: 'managed identity of the node' };
  const keyOf = (resource: string) => JSON.stringify([auth.endpoint.text, auth.clientId ?? null, resource]);
  return {
    cloud,
    who,
    serviceAccountUid: undefined,
    authorityFor: (resource, signal) =>
      tokens.get(keyOf(resource), signal, (shared) =>
        requestManagedToken(auth.endpoint, resource, who, send, deps.clock.now, shared),
      ),
    forget: (resource) => tokens.forget(keyOf(resource)),
  };
}

export function audienceOf(auth: AzureAuth): string | undefined {
  switch (auth.method) {
    case 'workload-identity':
    case 'pod':
      return auth.audience;
    case 'identity-binding':
      return azureBindingAudience;
    default:
      return undefined;
  }
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}

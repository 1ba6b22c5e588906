import { createHash } from 'node:crypto';
import { KeymountError } from '../../errors.ts';
import type { BackendDeps, Login } from '../backend.ts';
import type { Authority, Who } from './authority.ts';
import { type Cloud, resolveCloud } from './clouds.ts';
import { type AzureAuth, type AzureConnection, bindingAudience, isClientId, isTenant } from './connection.ts';
import { type Credential, requestToken, type TokenRequest } from './entra.ts';
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
  const { publishSecrets } = login;
  if (auth.method === 'service-principal' || (auth.method === 'pod' && publishSecrets.size > 0)) {
    const { clientId, secret } = servicePrincipalOf(publishSecrets);
    const tenant = await tenantOf(connection, login, signal);
    const proof = hashOf(`${clientId}\n${secret}`);
    return withEntra({ method: 'service principal', clientId, tenant, proof, credential: { secret } }, undefined);
  }
  const clientId = await clientOf(auth, login, signal);
  const tenant = await tenantOf(connection, login, signal);
  const audience = login.audience ?? audienceOf(auth) ?? '';
  const assertion = (await login.token(audience, signal)).reveal();
  const { identity } = login;
  // Whoever shows the very same token is as good as the pod; otherwise only proof tells that it is the same ServiceAccount.
  const proof = identity.proven
    ? JSON.stringify([identity.namespace, identity.serviceAccount, identity.serviceAccountUid])
    : hashOf(assertion);
  const via =
    auth.method === 'identity-binding'
      ? { ...(await parts.proxies.locate(auth.proxy, signal)), near: true }
      : undefined;
  return withEntra(
    { method: 'workload identity', clientId, tenant, proof, credential: { assertion }, via },
    identity.proven ? identity.serviceAccountUid : undefined,
  );

  function withEntra(account: EntraAccount, serviceAccountUid: string | undefined): LoggedIn {
    const who = { clientId: shownClient(account), tenant: account.tenant, method: account.method };
    const authority = connection.authority ?? cloud.authority;
    const { namespace, serviceAccount } = login.identity;
    const { via: through, ...rest } = account;
    const keyOf = (resource: string) =>
      JSON.stringify([
        authority.text,
        through?.address.text,
        account.tenant,
        account.clientId,
        account.proof,
        resource,
      ]);
    return {
      cloud,
      who,
      serviceAccountUid,
      authorityFor: (resource, asking) =>
        parts.tokens.get(keyOf(resource), asking, (shared) => {
          const request: TokenRequest = {
            ...rest,
            authority,
            resource,
            who,
            account: `${namespace}/${serviceAccount}`,
            ...(through === undefined ? {} : { via: through }),
          };
          return requestToken(request, parts.send, parts.deps.clock.now, shared);
        }),
      forget: (resource) => parts.tokens.forget(keyOf(resource)),
    };
  }
}

/** The Go provider wants to know who asks, whatever the identity is. */
function checkPod({ identity }: Login): void {
  const missing = identity.pod === '' ? 'name' : identity.namespace === '' ? 'namespace' : undefined;
  if (missing === undefined) return;
  throw new KeymountError('request-malformed', `pod ${missing} is not provided`, {
    hint: 'the CSIDriver needs podInfoOnMount: true',
  });
}

interface EntraAccount {
  readonly method: string;
  readonly clientId: string;
  readonly tenant: string;
  /** What makes two logins the same. */
  readonly proof: string;
  readonly credential: Credential;
  readonly via?: TokenRequest['via'] | undefined;
}

/** Of a service principal only what looks like one: its secret may have been put in its place. */
function shownClient({ clientId, credential }: EntraAccount): string | undefined {
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
      return bindingAudience;
    default:
      return undefined;
  }
}

const clientAnnotation = 'azure.workload.identity/client-id';
const tenantAnnotation = 'azure.workload.identity/tenant-id';

async function clientOf(
  auth: Exclude<AzureAuth, { method: 'managed-identity' | 'service-principal' }>,
  login: Login,
  signal: AbortSignal,
): Promise<string> {
  if (auth.method !== 'pod' && auth.clientId !== undefined) return auth.clientId;
  const { text, unavailable } = await readAnnotation(login, clientAnnotation, signal);
  if (text !== undefined && isClientId(text)) return text;
  const { namespace, serviceAccount } = login.identity;
  const hint = `name the identity in clientID, or annotate the ServiceAccount ${namespace}/${serviceAccount} with ${clientAnnotation}`;
  if (auth.method === 'identity-binding') {
    const message = 'clientID is required for identity binding';
    throw new KeymountError('token-missing', message, { reason: unavailable, hint });
  }
  throw new KeymountError('token-missing', 'the class names no clientID, and nodePublishSecretRef is not set', {
    reason: unavailable,
    hint: `${hint}; a service principal comes in the Secret of nodePublishSecretRef of the volume`,
  });
}

async function tenantOf(
  { tenant, fallbackTenant }: AzureConnection,
  login: Login,
  signal: AbortSignal,
): Promise<string> {
  if (tenant !== undefined) return tenant;
  const { text, unavailable } = await readAnnotation(login, tenantAnnotation, signal);
  const found = text ?? fallbackTenant;
  if (found !== undefined && isTenant(found)) return found;
  throw new KeymountError('class-invalid', 'tenantId is not provided', {
    at: { path: 'parameters.tenantID' },
    reason: unavailable,
    hint: `set it, or annotate the ServiceAccount with ${tenantAnnotation}`,
  });
}

/** Where the cluster cannot be asked the class has to say it; why not may explain what is missing then. */
async function readAnnotation(
  login: Login,
  name: string,
  signal: AbortSignal,
): Promise<{ text?: string | undefined; unavailable?: string }> {
  try {
    return { text: (await login.annotations(signal)).get(name)?.trim() || undefined };
  } catch (thrown) {
    if (!(thrown instanceof KeymountError) || thrown.code !== 'cluster-unavailable') throw thrown;
    return { unavailable: thrown.reason === undefined ? thrown.message : `${thrown.message} (${thrown.reason})` };
  }
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}

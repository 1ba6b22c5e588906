import { KeymountError } from '../../errors.ts';
import type { Login } from '../backend.ts';
import { type AzureAuth, type AzureConnection, isClientId, isTenant } from './connection.ts';

const clientAnnotation = 'azure.workload.identity/client-id';
const tenantAnnotation = 'azure.workload.identity/tenant-id';

/** The identity to ask as. Throws `token-missing`. */
export async function clientOf(
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

/** Throws `class-invalid`. */
export async function tenantOf(
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

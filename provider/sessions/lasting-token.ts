import type { LoginSources } from './login-of.ts';
import type { Wish } from './sessions.ts';
import type { PodToken } from './shown-token.ts';

/** Seconds: what is good at the API server lives no longer than the token that kubelet gives each pod. */
const longestAtApiServer = 3_600;

/**
 * A token of the pod that outlives those of the driver, for a login through which something may be issued: some servers keep that no
 * longer than the token lives. Only for a proven pod, and where the API server may be asked. Undefined: what else there is must do.
 */
export async function lastingToken(
  { connection: { backend, settings }, source, caller, ownOnly }: Wish,
  wanted: string,
  isSent: boolean,
  { podTokens, leaseTokenSeconds = 0 }: LoginSources,
  signal: AbortSignal,
): Promise<PodToken | undefined> {
  if (podTokens === undefined || leaseTokenSeconds === 0 || backend.onlySentTokens?.(settings) === true)
    return undefined;
  // All others are shared by the pods of a ServiceAccount, and nothing is issued through them.
  if (ownOnly !== true || !caller.identity.proven) return undefined;
  const request = isSent ? wanted : requestedAudience(wanted, { backend, source });
  const isApiServers = request === undefined;
  const seconds = isApiServers ? Math.min(longestAtApiServer, leaseTokenSeconds) : leaseTokenSeconds;
  try {
    return { token: await podTokens.request(caller.identity, request, seconds, signal), wanted, isApiServers };
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

/** Like the Go Vault provider: without an audience in the class, the API server's own (undefined) is asked for. */
export function requestedAudience(
  wanted: string,
  { backend, source }: Pick<Wish['connection'], 'backend'> & Pick<Wish, 'source'>,
): string | undefined {
  return source.access.audience ?? (backend.tokenAudience === undefined ? undefined : wanted);
}

import type { Login } from '../backends/backend.ts';
import type { PodFacts } from '../kube/pod-facts.ts';
import { type PodTokens, tokenMissing } from '../kube/pod-token.ts';
import type { SecretString } from '../util/secret-string.ts';
import type { Caller } from './caller.ts';
import type { Connection } from './connections.ts';
import { lastingToken, requestedAudience } from './lasting-token.ts';
import type { Wish } from './sessions.ts';
import { type PodToken, shownToken } from './shown-token.ts';

/** Where what a login shows comes from, beside the driver's request. */
export interface LoginSources {
  /** Tokens that the API server gives; undefined: it is not to be asked. */
  readonly podTokens: PodTokens | undefined;
  readonly podFacts: PodFacts;
  /** Seconds that a token lives through which something may be issued, where the API server may be asked. 0: as any other. */
  readonly leaseTokenSeconds?: number;
  /** The audiences of keymount's own token, which the API server takes for its own. Absent: not known. */
  readonly ownAudiences?: (() => Promise<readonly string[]>) | undefined;
  /** A backend keeps something for a pod until that ends. */
  readonly onKept?: (podUid: string) => void;
}

/** Who asks, and what they can show for it. A token that must not be shown to the server of the connection is refused. */
export function loginOf(wish: Wish, sources: LoginSources): Login {
  const { connection, source, caller } = wish;
  const { role, audience } = source.access;
  const { podTokens, podFacts, onKept } = sources;
  const { namespace, serviceAccount, podUid } = caller.identity;
  return {
    identity: caller.identity,
    role,
    audience,
    publishSecrets: caller.publishSecrets,
    annotations: (signal) => podFacts.annotations(namespace, serviceAccount, signal),
    nodeLabels: podFacts.nodeLabels,
    untilPodEnds: () => onKept?.(podUid),
    token: async (wanted, signal, { orFor = [], lasting = false } = {}) => {
      const sent = [wanted, ...orFor].map((name) => caller.tokens.get(name)).find((token) => token !== undefined);
      if (lasting) {
        const better = await lastingToken(wish, wanted, sent !== undefined, sources, signal);
        if (better !== undefined) return await show(better, connection, sources);
      }
      if (sent !== undefined) return await show({ token: sent, wanted, isApiServers: false }, connection, sources);
      const only = connection.backend.onlySentTokens?.(connection.settings) === true;
      if (podTokens === undefined || only) throw tokenMissing(wanted, sentAudiences(caller));
      const request = requestedAudience(wanted, { backend: connection.backend, source });
      const token = await podTokens.get(caller.identity, { driver: wanted, request }, signal);
      return await show({ token, wanted, isApiServers: request === undefined }, connection, sources);
    },
  };
}

/** Throws what the backend says against showing it to the server. */
async function show(
  podToken: PodToken,
  { backend, settings }: Connection,
  { ownAudiences }: LoginSources,
): Promise<SecretString> {
  if (backend.refuseToken === undefined) return podToken.token;
  const refused = backend.refuseToken(settings, shownToken(podToken, (await ownAudiences?.()) ?? []));
  if (refused !== undefined) throw refused;
  return podToken.token;
}

function sentAudiences({ tokens }: Caller): string {
  if (tokens.size === 0) return 'it sent none at all';
  return `it sent only ${[...tokens.keys()].map((name) => JSON.stringify(name)).join(', ')}`;
}

import type { ShownToken } from '../backends/backend.ts';
import type { SecretString } from '../util/secret-string.ts';
import { claimsOf } from '../util/token-claims.ts';

/** A token and how it was come by. */
export interface PodToken {
  readonly token: SecretString;
  /** The audience that was wanted. */
  readonly wanted: string;
  /** It was asked for without an audience, so it is good at the API server alone. */
  readonly isApiServers: boolean;
}

/**
 * What a token is good for, by its own claims: the driver's word for a key of `serviceAccount.tokens` is only a name, and `""` is
 * one of them. `own`: the audiences of keymount's own token, which the API server made for itself.
 */
export function shownToken({ token, wanted, isApiServers }: PodToken, own: readonly string[]): ShownToken {
  const { audiences, issuer } = claimsOf(token.reveal()) ?? { audiences: [wanted], issuer: undefined };
  const apiServers = audiences.filter((each) => isApiServers || each === issuer || own.includes(each));
  // A token without an audience, as the Secrets of ServiceAccounts have, is good at the API server.
  return audiences.length === 0 ? { audiences: [''], apiServers: [''] } : { audiences, apiServers };
}

/** The audiences of a token; none where it has none or is no JWT. */
export function audiencesOf(token: SecretString): readonly string[] {
  return claimsOf(token.reveal())?.audiences ?? [];
}

import { decodeJwt } from 'jose';

/** What a ServiceAccount token says of itself; nothing of it is verified. */
export interface TokenClaims {
  readonly audiences: readonly string[];
  readonly issuer: string | undefined;
  /** Milliseconds since 1970. */
  readonly expires: number | undefined;
}

/** Undefined: it is no JWT. */
export function claimsOf(token: string): TokenClaims | undefined {
  try {
    const { aud = [], iss, exp } = decodeJwt(token);
    return {
      audiences: typeof aud === 'string' ? [aud] : aud,
      issuer: iss,
      expires: typeof exp === 'number' ? exp * 1000 : undefined,
    };
  } catch {
    return undefined;
  }
}

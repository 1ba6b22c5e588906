/** How the attempt at one address ended: with Node's code of the error. */
export interface FailedAttempt {
  readonly address: string;
  readonly code: string;
}

/** No address could be connected to. Nothing of a request was sent. */
export interface DialError extends Error {
  /** The most telling of the codes. */
  readonly code: string;
  readonly tried: readonly string[];
}

/**
 * What tells most goes first: what is wrong on this node stops every attempt, who refuses is there, and "no network" is what a node
 * without IPv6 says of every IPv6 address.
 */
const telling: readonly string[] = [
  'EMFILE',
  'ENFILE',
  'EADDRNOTAVAIL',
  'ECONNREFUSED',
  'ECONNRESET',
  'EACCES',
  'EPERM',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
];

export function dialError(failed: readonly FailedAttempt[]): DialError {
  const rank = ({ code }: FailedAttempt) => (telling.includes(code) ? telling.indexOf(code) : telling.length);
  const [best] = failed.toSorted((a, b) => rank(a) - rank(b));
  const tried = failed.map(({ address }) => address);
  // A name without addresses is what resolvers call by this code.
  return Object.assign(new Error('no address could be connected to'), { code: best?.code ?? 'ENOTFOUND', tried });
}

export function isDialError(thrown: unknown): thrown is DialError {
  return thrown instanceof Error && 'tried' in thrown && Array.isArray(thrown.tried);
}

const mostShown = 4;

/** ` (tried 10.0.0.1, 10.0.0.2, fd00::1, fd00::2 and 3 more)`; empty for one address alone, which the reader knows. */
export function triedText(tried: readonly string[] = []): string {
  if (tried.length < 2) return '';
  const more = tried.length > mostShown ? ` and ${tried.length - mostShown} more` : '';
  return ` (tried ${tried.slice(0, mostShown).join(', ')}${more})`;
}

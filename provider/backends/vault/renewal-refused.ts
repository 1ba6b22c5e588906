import type { Reply } from '../../net/request.ts';
import { ownKey } from '../../util/json.ts';
import { jsonObjectOf } from './reply.ts';

/**
 * Was a token not renewed though it lives? OpenBao since 2.6.4 and 2.7.1 (CVE-2026-115356) asks the `kubernetes` method at each
 * renewal whether the ServiceAccount token of the login still counts: by its `exp`, with a minute for clocks that differ, and by a
 * TokenReview. 403 in these words says that it does not, or that Kubernetes could not be asked; of a token that it does not know it
 * says something else.
 */
export function refusesRenewal({ status, body }: Reply): boolean {
  return status === 403 && errorsOf(body).some((text) => text.includes('failed to renew entry'));
}

/**
 * Is it because the login has ended? Said by the server, or known by the end of what the login showed: the TokenReview fails then
 * as well, and says no more than where the Kubernetes API is away. `loginEnds` in milliseconds of the clock.
 */
export function saysLoginEnded(reply: Reply, loginEnds: number | undefined, now: number): boolean {
  if (!refusesRenewal(reply)) return false;
  return (
    (loginEnds !== undefined && now >= loginEnds) || errorsOf(reply.body).some((text) => /\bexp\b.*expired/.test(text))
  );
}

function errorsOf(body: Buffer): string[] {
  const errors = ownKey(jsonObjectOf(body) ?? {}, 'errors');
  return Array.isArray(errors) ? errors.filter((text) => typeof text === 'string') : [];
}

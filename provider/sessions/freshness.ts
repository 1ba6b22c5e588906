import type { KeymountError } from '../errors.ts';
import type { Source } from '../plan/plan.ts';
import type { CachedSecret } from './secrets.ts';

/** May it be served without asking? `interval` is the admin's default, in milliseconds. */
export function isFresh(
  { readAt, secret }: CachedSecret,
  { refresh, atMostDefault }: Source,
  interval: number,
  now: number,
): boolean {
  if (secret.goodUntil !== undefined && secret.goodUntil <= now) return false;
  // Where the clock was set back nobody knows how old it is.
  return refresh === 'once' || (readAt <= now && now - readAt < limitOf(refresh, atMostDefault, interval));
}

function limitOf(refresh: number | undefined, atMostDefault: boolean | undefined, interval: number): number {
  if (refresh === undefined) return interval;
  return atMostDefault ? Math.min(refresh, interval) : refresh;
}

/** Failures that say nothing about the secret and the right to read it. A 4xx never is one. */
export function isAway({ code }: KeymountError): boolean {
  return code === 'backend-unreachable' || code === 'backend-sealed';
}

/** May it be served although it is outdated, because the backend cannot be asked? */
export function mayServeStale(
  { readAt }: CachedSecret,
  { refresh, atMostDefault, staleOnError }: Source,
  error: KeymountError,
  interval: number,
  now: number,
): boolean {
  if (staleOnError === undefined || !isAway(error)) return false;
  if (refresh === 'once') return true;
  return now < readAt + limitOf(refresh, atMostDefault, interval) + staleOnError;
}

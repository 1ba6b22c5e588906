import type { Life } from './life.ts';

/**
 * OpenBao since 2.6.4 and 2.7.1 (CVE-2026-115356) looks at each renewal of a token of its `kubernetes` method whether the
 * ServiceAccount token of the login still counts, with a minute for clocks that differ; Vault, earlier OpenBao and the other methods
 * do not. Pure; all times in milliseconds of the clock.
 */

/** Before the end of the login, when the token is renewed once more: it then lives on for as long as it can. */
const before = 10_000;
/** Behind it, when a renewal tells what the server does. */
const behind = 90_000;
/** A trial comes that much earlier at most: answers take their time. */
const tolerance = 5_000;

/** When the last renewal is made that no server refuses. Infinity: there is no login that ends. */
export function lastSureRenewal({ issuedAt, loginEnd = Number.POSITIVE_INFINITY }: Life): number {
  return loginEnd - Math.max(0, Math.min(before, (loginEnd - issuedAt) / 10));
}

/** When to renew a token that would be renewed at `usual`: once more before the end of its login, and soon behind it. */
export function renewalByLogin(life: Life, now: number, usual: number, random: () => number): number {
  const last = lastSureRenewal(life);
  if (now < last) return Math.min(usual, last);
  const trial = (life.loginEnd ?? 0) + behind + random() * before;
  return trial > now ? Math.min(usual, trial) : usual;
}

/** Does a renewal at `now` tell what the server does? */
export function isTrial({ loginEnd }: Life, now: number): boolean {
  return loginEnd !== undefined && now >= loginEnd + behind - tolerance;
}

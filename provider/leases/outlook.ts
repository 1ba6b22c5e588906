import type { Session, Tenure } from '../backends/backend.ts';
import type { CachedSecret } from '../sessions/secrets.ts';
import { bornAt, endless, isEnding, isOldCertificate, isOverdue, type Life } from './life.ts';
import type { Leased, Tenant } from './tenant.ts';

/**
 * The time by two clocks, in milliseconds since 1970. Lives are measured by `steady`, which nobody can set: an hour that NTP puts
 * right must neither end nor prolong a lease. Certificates end at a time of day, so they go by the machine's own clock.
 */
export interface Times {
  readonly steady: number;
  readonly wall: number;
}

/** The life of what was just read. `readAt` is of the machine's clock. */
export function lifeOf({ secret: { lease }, readAt }: CachedSecret, { steady, wall }: Times): Life {
  const born = steady - Math.max(0, wall - readAt);
  return lease === undefined ? endless(born) : bornAt(born, lease.duration, lease.renewable);
}

/** The life of the token of a new session. */
export function tokenLife({ expires, tenure }: Session, times: Times): Life {
  const left = expires === undefined ? 0 : Math.max(1, (expires - times.wall) / 1000);
  return withLogin(bornAt(times.steady, left, tenure?.renewable === true), tenure, times);
}

/** The life of a token with the end of the login that it came from. */
export function withLogin(life: Life, tenure: Tenure | undefined, { steady, wall }: Times): Life {
  const { loginEnds } = tenure ?? {};
  return loginEnds === undefined ? life : { ...life, loginEnd: steady + loginEnds - wall };
}

/** The life of a certificate, by the machine's clock. */
function certificateLife({ secret: { notAfter }, readAt }: CachedSecret): Life | undefined {
  return notAfter === undefined
    ? undefined
    : { issuedAt: readAt, end: notAfter, duration: notAfter - readAt, renewable: false };
}

/** All that a credential lives by, each with the time of its clock: the lease, the token that it was issued through, a certificate. */
function livesOf({ token }: Tenant, { life, cached }: Leased, { steady, wall }: Times): { life: Life; now: number }[] {
  const certificate = certificateLife(cached);
  const lives = [token, life].map((each) => ({ life: each, now: steady }));
  return certificate === undefined ? lives : [...lives, { life: certificate, now: wall }];
}

/** Milliseconds until the credential is worth nothing, unless something is done. */
export function timeLeft(tenant: Tenant, leased: Leased, times: Times): number {
  return Math.min(...livesOf(tenant, leased, times).map(({ life, now }) => life.end - now));
}

/** Must it be replaced at this Mount? `horizon` as of `isEnding`. */
export function isDue(
  { life, cached, jitter }: Leased,
  { steady, wall }: Times,
  horizon: number,
  percent: number,
): boolean {
  if (isEnding(life, steady, horizon)) return true;
  const certificate = certificateLife(cached);
  if (certificate === undefined) return false;
  return isEnding(certificate, wall, horizon) || isOldCertificate(certificate, wall, percent, jitter);
}

/** Does it live shorter than `horizon` from its issue on, with no way to put that off? */
export function isTooShort({ life, cached }: Leased, horizon: number): boolean {
  const certificate = certificateLife(cached);
  const lease = life.renewable ? Number.POSITIVE_INFINITY : life.end - life.issuedAt;
  return Math.min(lease, certificate?.duration ?? Number.POSITIVE_INFINITY) < horizon;
}

/** What the gauges and `keymount status` tell of the credentials that pods use now. */
export interface Outlook {
  readonly count: number;
  /** Milliseconds until the first of them ends unless it is renewed or replaced; Infinity: none does. */
  readonly firstEnd: number;
  /** Those that should have been renewed or replaced by now and were not. */
  readonly overdue: number;
}

export function outlookOf(tenants: Iterable<Tenant>, times: Times, percent: number): Outlook {
  let [count, firstEnd, overdue] = [0, Number.POSITIVE_INFINITY, 0];
  for (const tenant of tenants) {
    if (tenant.replaced || tenant.lost) continue;
    for (const leased of tenant.leased.values()) {
      const left = timeLeft(tenant, leased, times);
      if (leased.lost || left <= 0) continue;
      count++;
      firstEnd = Math.min(firstEnd, left);
      if (livesOf(tenant, leased, times).some(({ life, now }) => isOverdue(life, now, percent))) overdue++;
    }
  }
  return { count, firstEnd, overdue };
}

import { longestLife } from './limits.ts';
import { renewalByLogin } from './login-life.ts';

/** When what is issued is renewed and replaced. Pure; all times in milliseconds of the clock. */

/** Something with an end that may be put off. */
export interface Life {
  /** Of the first issue. */
  readonly issuedAt: number;
  /** Infinity: none. */
  readonly end: number;
  /** The most that an issue or a renewal gave. */
  readonly duration: number;
  /** A renewal may put the end off. False once a renewal gave less than before: the maximum is near. */
  readonly renewable: boolean;
  /** When what the login showed ends, for a token of which some servers renew none further than that. Absent: it does not matter. */
  readonly loginEnd?: number;
}

/** Of what has no lease: it ends with something else. */
export function endless(now: number): Life {
  return { issuedAt: now, end: Number.POSITIVE_INFINITY, duration: Number.POSITIVE_INFINITY, renewable: false };
}

/** `duration` in seconds as backends give it; 0: no end. Longer ones than 30 days are not believed. */
export function bornAt(now: number, duration: number, renewable: boolean): Life {
  const length = lengthOf(duration);
  return { issuedAt: now, end: now + length, duration: length, renewable: renewable && duration > 0 };
}

function lengthOf(duration: number): number {
  return duration === 0 ? longestLife : Math.min(longestLife, duration * 1000);
}

/**
 * The same life after a renewal. Less than it got before (beyond a second of rounding) means that its maximum is near; than ever
 * before, for what is renewed every second or so may lose a second each time.
 */
export function renewed(life: Life, now: number, duration: number, renewable: boolean): Life {
  const length = lengthOf(duration);
  const truncated = length < life.duration - 1000;
  const most = Math.max(life.duration, length);
  return { ...life, end: now + length, duration: most, renewable: renewable && !truncated };
}

/**
 * When to renew: at `percent` of what is left, and up to a tenth of it later so that not all pods renew at once, but never in the
 * last twentieth. What is short is renewed earlier, though not in its first third: if the renewal is cut short, the driver must
 * ask once more before the end. Undefined: never.
 */
export function renewalTime(life: Life, now: number, percent: number, random: () => number): number | undefined {
  const { end, renewable } = life;
  if (!renewable || end === Number.POSITIVE_INFINITY) return undefined;
  const left = end - now;
  // What lives for seconds alone gains nothing by it, and would use its few renewals up.
  const inTime = left < seldom ? 1 : Math.max(1 / 3, 1 - roundWithMargin / left);
  const usual = now + left * Math.min(latestRenewal, inTime, percent / 100 + random() / 10);
  return renewalByLogin(life, now, usual, random);
}

export const latestRenewal = 0.95;
/** Milliseconds of a life that cannot be renewed every 15 s. */
const seldom = 16_000;

/**
 * Should it have been renewed or replaced by now? Halfway between the latest time for a renewal and the end; for what is replaced,
 * when there is less left than the driver takes to ask again.
 */
export function isOverdue({ issuedAt, end, duration, renewable }: Life, now: number, percent: number): boolean {
  const late = renewable
    ? (duration * (1 - Math.min(latestRenewal, percent / 100 + 0.1))) / 2
    : Math.min(oneRound, (end - issuedAt) / 10);
  return end - now < late;
}

/** Milliseconds from one question of the driver to the next; up to 83 s were seen. */
const oneRound = 75_000;
const roundWithMargin = oneRound * 1.2;

/**
 * Must it be replaced at this Mount, because it would not live until the app has the file of a later one? `horizon` is how long
 * that takes at worst. What lives shorter than that is replaced no earlier than in the last two thirds of its life.
 */
export function isEnding({ issuedAt, end, renewable }: Life, now: number, horizon: number): boolean {
  if (renewable || end === Number.POSITIVE_INFINITY) return end <= now;
  return end - now < Math.min(horizon, ((end - issuedAt) * 2) / 3);
}

/** A certificate is replaced well before its end even where a later Mount would do: clocks differ, and peers keep it in use. */
export function isOldCertificate({ issuedAt, end }: Life, now: number, percent: number, jitter: number): boolean {
  return now >= issuedAt + (end - issuedAt) * (percent / 100 + jitter / 10);
}

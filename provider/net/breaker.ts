import type { Clock } from '../util/clock.ts';
import type { Outcome } from './request.ts';
import { retryAfter } from './retry.ts';

/**
 * Keeps a dead server from being asked by every pod. When nothing but failures came back for a while, requests are answered with
 * the last failure, and one at a time is let through to see whether the server is back. What a server says about one path (500,
 * 4xx) says nothing about the server; only no answer and 502, 503, 504 do.
 */
export interface Breaker {
  /** Undefined: send it, and tell `note` what became of it. Otherwise the answer; it is no use to try again. */
  readonly admit: (signal: AbortSignal) => Promise<Outcome | undefined>;
  /** `undefined`: it was sent, but nobody waited for the answer. */
  readonly note: (outcome: Outcome | undefined) => void;
  readonly state: () => BreakerState;
}

export interface BreakerState {
  readonly open: boolean;
  /** Failures since the last answer. */
  readonly failures: number;
}

export interface BreakerDeps {
  readonly clock: Clock;
  /** 0 <= x < 1. */
  readonly random: () => number;
}

/** It opens after this many failures in a row that are spread over at least this many milliseconds. */
const enoughFailures = 5;
const longEnough = 3_000;
/** Milliseconds until the first probe; doubled with each that fails. */
const firstPause = 500;
const longestPause = 15_000;
/** A request that comes this shortly before a probe waits for it: a server that restarts costs its pods a moment, no error. */
const patience = 1_000;
/** Longest time for which a server's Retry-After is taken at its word. */
const longestHold = 60_000;

export function createBreaker({ clock, random }: BreakerDeps): Breaker {
  let failures = 0;
  let since = 0;
  let last: Outcome | undefined;
  let pause = 0;
  let nextProbe = 0;
  let probing = false;
  let heldUntil = 0;

  const isOpen = () => pause > 0;

  function fail(outcome: Outcome): void {
    const now = clock.now();
    if (failures++ === 0) since = now;
    last = outcome;
    // Failures of requests that were sent before it opened tell nothing new.
    if (isOpen() && !probing) return;
    if (failures < enoughFailures || now - since < longEnough) return;
    pause = Math.min(longestPause, pause === 0 ? firstPause : pause * 2);
    nextProbe = now + pause * (0.75 + random() / 2);
  }

  function succeed(): void {
    failures = 0;
    pause = 0;
    last = undefined;
  }

  return {
    async admit(signal) {
      const wait = heldUntil - clock.now();
      if (wait > patience && last !== undefined) return final(last);
      if (wait > 0) await clock.sleep(wait, signal).catch(() => {});
      if (!isOpen()) return undefined;
      const left = nextProbe - clock.now();
      if (left > 0 && left <= patience) await clock.sleep(left, signal).catch(() => {});
      if (!isOpen()) return undefined;
      if (last !== undefined && (probing || nextProbe > clock.now())) return final(last);
      probing = true;
      return undefined;
    },
    note(outcome) {
      if (outcome !== undefined) {
        const hold = askedToHold(outcome, clock.now());
        if (hold > 0) {
          heldUntil = Math.max(heldUntil, clock.now() + Math.min(hold, longestHold));
          last = outcome;
        }
        if (isDown(outcome)) fail(outcome);
        else if ('reply' in outcome) succeed();
      }
      probing = false;
    },
    state: () => ({ open: isOpen(), failures }),
  };
}

function isDown(outcome: Outcome): boolean {
  return 'reply' in outcome ? [502, 503, 504].includes(outcome.reply.status) : outcome.transient;
}

function final(outcome: Outcome): Outcome {
  return 'reply' in outcome ? { ...outcome, final: true } : { ...outcome, transient: false };
}

/** Milliseconds of a Retry-After of a server that is too busy (429) or away (503). */
function askedToHold(outcome: Outcome, now: number): number {
  if (!('reply' in outcome) || ![429, 503].includes(outcome.reply.status)) return 0;
  return retryAfter(outcome.reply, now);
}

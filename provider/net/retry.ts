import type { KeymountError } from '../errors.ts';
import type { Clock } from '../util/clock.ts';
import { deadlineOf } from '../util/deadline.ts';
import type { Failure } from './connection-error.ts';
import type { Outcome, Reply } from './request.ts';

export interface RetryPolicy {
  /** Tries after the first. */
  readonly retries: number;
  /** No further try starts this many milliseconds after the first one did: a slow backend is not asked again and again. */
  readonly window: number;
}

export interface RetryDeps {
  readonly clock: Clock;
  /** 0 <= x < 1. */
  readonly random: () => number;
}

/** First wait in milliseconds; it doubles each time. A pod is waiting, and the driver itself tries again later. */
const firstWait = 150;

/** Longest wait that a Retry-After may ask for, in milliseconds. Beyond it the pod learns the reason at once. */
const longestWait = 5_000;

/** Statuses after which a repeat may help: throttled, an index not yet there (412), and server errors except 501. */
export function isTransientStatus(status: number): boolean {
  return status === 429 || status === 412 || (status >= 500 && status !== 501);
}

/**
 * Tries until there is an answer that a repeat would not change, the tries are used up, or the next wait could not end in time.
 * Then the last outcome counts: its reply is returned, its failure thrown. All methods are repeated: a Mount that fails is asked
 * again as a whole by the driver, so a request is never sure to happen only once.
 */
export async function retrying(
  attempt: () => Promise<Outcome>,
  { retries, window }: RetryPolicy,
  { clock, random }: RetryDeps,
  signal: AbortSignal,
): Promise<Reply> {
  const started = clock.now();
  for (let tried = 0; ; tried++) {
    const outcome = await attempt();
    const wait = firstWait * 2 ** tried * (0.5 + random());
    const delay = Math.max(wait, askedToWait(outcome, clock.now()));
    const start = clock.now() + delay;
    const useless = tried >= retries || !isTransient(outcome) || delay > longestWait;
    if (useless || start > started + window || start >= deadlineOf(signal)) return settle(outcome);
    try {
      await clock.sleep(delay, signal);
    } catch {
      // Nobody waits any longer; what went wrong says more than that.
      return settle(outcome);
    }
  }
}

/** Milliseconds of a Retry-After header, in seconds or as a date; 0 without one. */
export function retryAfter(reply: Reply, now: number): number {
  const header = reply.headers['retry-after'];
  if (header === undefined) return 0;
  if (/^\s*\d{1,9}\s*$/.test(header)) return Number(header) * 1000;
  // Date.parse takes much that is no date of HTTP, such as "-5".
  const date = /^[A-Za-z]{3,9}, /.test(header) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(date) ? 0 : Math.max(0, date - now);
}

function askedToWait(outcome: Outcome, now: number): number {
  return 'reply' in outcome && isTransientStatus(outcome.reply.status) ? retryAfter(outcome.reply, now) : 0;
}

function isTransient(outcome: Outcome): boolean {
  return 'reply' in outcome ? !outcome.final && isTransientStatus(outcome.reply.status) : outcome.transient;
}

function settle(outcome: { readonly reply: Reply } | Failure): Reply {
  if ('reply' in outcome) return outcome.reply;
  throw outcome.failure satisfies KeymountError;
}

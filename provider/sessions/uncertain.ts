import type { KeymountError } from '../errors.ts';
import type { Held } from './sessions.ts';

/** A read that may have issued something, and when it is asked for again. */
export interface UncertainIssue {
  readonly error: KeymountError;
  /** Milliseconds of the clock. */
  readonly until: number;
  readonly pause: number;
}

/**
 * Milliseconds. Kubelet repeats a failed Mount after half a second, and each time something would be issued that nobody ever gets; a
 * server that answers again is asked soon enough for a pod that waits.
 */
const firstPause = 30_000;
const longestPause = 480_000;
/** Class authors choose what is asked for, so the oldest go. */
const most = 200;

/** Throws the same error again while it is too early to ask. */
export function checkCertain({ uncertain }: Held, sourceKey: string, now: number): void {
  const known = uncertain?.get(sourceKey);
  if (known !== undefined && known.until > now) throw known.error;
}

export function rememberUncertain(held: Held, sourceKey: string, error: KeymountError, now: number): void {
  held.uncertain ??= new Map();
  const before = held.uncertain.get(sourceKey);
  const pause = before === undefined ? firstPause : Math.min(longestPause, before.pause * 2);
  const [oldest] = held.uncertain.keys();
  if (held.uncertain.size >= most && oldest !== undefined) held.uncertain.delete(oldest);
  held.uncertain.set(sourceKey, { error, until: now + pause, pause });
}

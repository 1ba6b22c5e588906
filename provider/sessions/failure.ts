import { type KeymountError, toKeymountError } from '../errors.ts';
import { abortedError } from '../net/aborted.ts';
import type { Connection } from './connections.ts';

/** Whoever gives up leaves a shared call at once, with a reason that does not say for whom it waited. */
export function failureOf(thrown: unknown, signal: AbortSignal, connection: Connection | undefined): KeymountError {
  if (thrown !== signal.reason || connection === undefined) return toKeymountError(thrown);
  return abortedError(signal, connection.title);
}

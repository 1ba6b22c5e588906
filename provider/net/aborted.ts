import { KeymountError } from '../errors.ts';

/** What an aborted signal means, as a catalogue error: `cancelled` or `deadline-exceeded`, saying whom we waited for. */
export function abortedError(signal: AbortSignal, waitingFor: string): KeymountError {
  const { reason } = signal;
  if (reason instanceof KeymountError) {
    return new KeymountError(reason.code, reason.message, {
      at: reason.at,
      reason: reason.reason ?? `still waiting for ${waitingFor}`,
      hint: reason.hint,
    });
  }
  const timedOut = reason instanceof Error && reason.name === 'TimeoutError';
  return timedOut
    ? new KeymountError('deadline-exceeded', `the time for it ran out, still waiting for ${waitingFor}`)
    : new KeymountError('cancelled', `given up, still waiting for ${waitingFor}`);
}

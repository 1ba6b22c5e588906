const deadlines = new WeakMap<AbortSignal, number>();

/** Says when a signal will abort, in milliseconds of the clock, so that nobody starts a wait that cannot end in time. */
export function setDeadline(signal: AbortSignal, at: number): void {
  deadlines.set(signal, at);
}

/** Infinity where nobody said. */
export function deadlineOf(signal: AbortSignal): number {
  return deadlines.get(signal) ?? Number.POSITIVE_INFINITY;
}

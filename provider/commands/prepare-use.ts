import type { Clock } from '../util/clock.ts';

/** What the parts of `keymount prepare` work with. */
export interface PrepareUse {
  readonly clock: Clock;
  /** For the log: one line, without its end. What others named, a provider or a link, may be in it as it is. */
  readonly say: (line: string) => void;
  /** Aborts when the process is asked to stop. */
  readonly stop: AbortSignal;
}

import { formatPlace, KeymountError, type Place } from '../errors.ts';
import { unseenProblem, visible } from '../util/visible.ts';
import type { Problem } from './plan.ts';

/** Whoever makes more mistakes sees the others when these are mended; the log and the memory of plans stay bounded. */
const most = 100;

/** Collects everything that is wrong with a class, so that its author sees all of it at once. */
export class Problems {
  readonly errors: Problem[] = [];
  readonly warnings: Problem[] = [];
  #furtherErrors = 0;

  error(at: Place, message: string): void {
    if (!this.hasAllErrors) this.errors.push({ at, message });
    else this.#furtherErrors++;
  }

  warn(at: Place, message: string): void {
    if (!this.hasAllWarnings) this.warnings.push({ at, message });
  }

  /** Further errors are only counted. */
  get hasAllErrors(): boolean {
    return this.errors.length >= most;
  }

  /** Further warnings are dropped. */
  get hasAllWarnings(): boolean {
    return this.warnings.length >= most;
  }

  /** Throws `class-invalid` with all errors in the order of the class, if there are any. */
  throwIfAny(): void {
    if (this.errors.length === 0) return;
    const further = this.#furtherErrors === 0 ? [] : [`+${this.#furtherErrors} more`];
    throw new KeymountError('class-invalid', [...this.errors.map(formatProblem), ...further].join(' | '));
  }
}

export function formatProblem({ at, message }: Problem): string {
  const text = `${formatPlace(at)}: ${message}`;
  const unseen = unseenProblem(text);
  return unseen === undefined ? text : `${visible(text)} (it ${unseen})`;
}

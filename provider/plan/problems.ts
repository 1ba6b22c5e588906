import { formatPlace, KeymountError, type Place } from '../errors.ts';
import type { Problem } from './plan.ts';

/** Collects everything that is wrong with a class, so that its author sees all of it at once. */
export class Problems {
  readonly errors: Problem[] = [];
  readonly warnings: Problem[] = [];

  error(at: Place, message: string): void {
    this.errors.push({ at, message });
  }

  warn(at: Place, message: string): void {
    this.warnings.push({ at, message });
  }

  /** Throws `class-invalid` with all errors in the order of the class, if there are any. */
  throwIfAny(): void {
    if (this.errors.length === 0) return;
    throw new KeymountError('class-invalid', this.errors.map(formatProblem).join(' | '));
  }
}

export function formatProblem({ at, message }: Problem): string {
  return `${formatPlace(at)}: ${message}`;
}

import type { Origin, Problem } from './problem.ts';

/** A setting as somebody gave it, not yet read. */
export interface Given {
  readonly texts: readonly string[];
  readonly origin: Origin;
  /** As in Problem. */
  readonly from: string;
  readonly order: number;
}

/** What one origin gave, by the name that origin has for a setting, and what was wrong already. */
export interface Gathered {
  readonly given: ReadonlyMap<string, Given>;
  readonly problems: readonly Problem[];
}

/** Commas separate the elements of a list; spaces around them do not count. */
export function splitList(text: string): string[] {
  return text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
}

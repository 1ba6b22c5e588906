import { nearest } from '../util/nearest.ts';
import type { Problems } from './problems.ts';

/** The parameters of a class without what the driver adds. A pod's `volumeAttributes` are among them and override the class. */
export type Parameters = ReadonlyMap<string, string>;

/**
 * Warns of parameters that are not known, with the name that was probably meant. `strict`: such a name is an error; one that
 * resembles nothing never is, for the driver and a pod's `volumeAttributes` add names of their own.
 */
export function checkParameterNames(
  parameters: Parameters,
  known: readonly string[],
  mistakes: Readonly<Record<string, string>>,
  problems: Problems,
  strict = false,
): void {
  for (const name of parameters.keys()) {
    if (known.includes(name)) continue;
    // To guess at thousands of names would take seconds, and nobody would see them.
    if (problems.hasAllWarnings) return;
    const meant = nearest(name, known, mistakes);
    const at = { path: `parameters.${name.slice(0, 100)}` };
    if (strict && meant !== undefined) {
      problems.error(at, `is not a known parameter; did you mean ${meant}?`);
      continue;
    }
    problems.warn(
      at,
      meant === undefined
        ? 'is not a known parameter and is ignored'
        : `is not a known parameter and is ignored; did you mean ${meant}?`,
    );
  }
}

import { nearest } from '../util/nearest.ts';
import type { Problems } from './problems.ts';

/** The parameters of a class without what the driver adds. A pod's `volumeAttributes` are among them and override the class. */
export type Parameters = ReadonlyMap<string, string>;

/** Warns of parameters that are not known, with the name that was probably meant. */
export function checkParameterNames(
  parameters: Parameters,
  known: readonly string[],
  mistakes: Readonly<Record<string, string>>,
  problems: Problems,
): void {
  for (const name of parameters.keys()) {
    if (known.includes(name)) continue;
    // To guess at thousands of names would take seconds, and nobody would see them.
    if (problems.hasAllWarnings) return;
    const meant = nearest(name, known, mistakes);
    problems.warn(
      { path: `parameters.${name.slice(0, 100)}` },
      meant === undefined
        ? 'is not a known parameter and is ignored'
        : `is not a known parameter and is ignored; did you mean ${meant}?`,
    );
  }
}

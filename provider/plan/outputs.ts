import { formatPlace, type Place } from '../errors.ts';
import { findCollisions, pathProblem } from './file-path.ts';
import type { Output } from './plan.ts';
import type { Problems } from './problems.ts';

/** Checks a file's path by the driver's rules; reports it at its field. */
export function checkPath(path: string, at: Place, problems: Problems): void {
  const problem = pathProblem(path);
  if (problem !== undefined)
    problems.error(at, `${JSON.stringify(path.slice(0, 80))} is no path that the driver takes: it ${problem}`);
}

/** Reports outputs that cannot both be files, naming both objects. */
export function checkCollisions(outputs: readonly Output[], problems: Problems): void {
  for (const { first, second, reason } of findCollisions(outputs.map(({ path }) => path))) {
    const [a, b] = [outputs[first], outputs[second]];
    if (a !== undefined && b !== undefined) problems.error(b.at, `and ${formatPlace(a.at)} ${reason}`);
  }
}

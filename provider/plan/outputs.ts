import { formatPlace, type Place } from '../errors.ts';
import { unseenProblem } from '../util/visible.ts';
import { findCollisions, pathProblem } from './file-path.ts';
import type { Output } from './plan.ts';
import type { Problems } from './problems.ts';

/** Checks a file's path by the driver's rules; reports it at its field. */
export function checkPath(path: string, at: Place, problems: Problems): void {
  const problem = pathProblem(path);
  if (problem !== undefined)
    problems.error(at, `${JSON.stringify(path.slice(0, 80))} is no path that the driver takes: it ${problem}`);
  const unseen = unseenProblem(path);
  if (unseen !== undefined) problems.warn(at, `is the path of a file that ${unseen}`);
}

/** Reports outputs that cannot both be files, naming both objects. One without a path has its problem already. */
export function checkCollisions(outputs: readonly Output[], problems: Problems): void {
  const named = outputs.filter(({ path }) => path !== '');
  for (const { first, second, reason } of findCollisions(named.map(({ path }) => path))) {
    const [a, b] = [named[first], named[second]];
    if (a === undefined || b === undefined) continue;
    const file = [a.at.name, b.at.name].includes(b.path) ? '' : `: ${JSON.stringify(b.path.slice(0, 80))}`;
    problems.error(b.at, `and ${formatPlace(a.at)} ${reason}${file}`);
  }
}

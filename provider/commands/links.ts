import { lstatSync, mkdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { DialectName } from '../plan/plan.ts';

/** A link in a providers directory through which the driver finds a socket of ours (it follows links, v1.6.0). */
export interface Link {
  readonly path: string;
  readonly target: string;
  /** Where it is made before it is put into its place. */
  readonly fresh: string;
}

/** Our sub-directory of the first providers directory. */
export const ownDirectory = 'keymount';

/**
 * Those of these dialects: relative ones in the first directory, which has the sockets, and in the others to the same sockets: the
 * driver mounts all of them under the node's own paths.
 */
export function linksOf(providersDirs: readonly string[], dialects: readonly DialectName[]): Link[] {
  const [first = ''] = providersDirs;
  return providersDirs.flatMap((dir) => {
    const sockets = dir === first ? ownDirectory : join(first, ownDirectory);
    return dialects.map((dialect) => {
      const name = `${dialect}.sock`;
      return { path: join(dir, name), target: join(sockets, name), fresh: join(dir, `.${name}.${ownDirectory}`) };
    });
  });
}

/** What is wrong with a link, for a sentence that begins with its path; undefined: it is as it should be. */
export function faultOf({ path, target }: Link): string | undefined {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return 'is gone';
  if (!stats.isSymbolicLink()) return stats.isSocket() ? 'is a socket of its own' : 'is no link';
  const found = readlinkSync(path);
  return found === target ? undefined : `leads to ${found}`;
}

/** Puts a link into its place, whatever is there. The directory is made where it is missing. */
export function makeLink(link: Link): void {
  if (faultOf(link) === undefined) return;
  mkdirSync(join(link.path, '..'), { recursive: true });
  rmSync(link.fresh, { force: true });
  symlinkSync(link.target, link.fresh);
  renameSync(link.fresh, link.path);
}

/** Takes away a link that is ours, and what was left of making it. True: there was something. */
export function removeLink({ path, target, fresh }: Link): boolean {
  return [path, fresh].map((at) => removeIfOurs(at, target)).some((removed) => removed);
}

function removeIfOurs(path: string, target: string): boolean {
  const isOurs = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true && readlinkSync(path) === target;
  if (isOurs) rmSync(path);
  return isOurs;
}

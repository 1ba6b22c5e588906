import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  openSync,
} from 'node:fs';
import { dirname, isAbsolute, normalize } from 'node:path';

/**
 * The one spelling of an absolute path: no empty component and no `.`, and no slash at its end, which would have lstat(2) follow a
 * link (https://man7.org/linux/man-pages/man7/path_resolution.7.html). Undefined: it is relative, or has `..`, which leads
 * elsewhere behind a link.
 */
export function plainPath(path: string): string | undefined {
  if (!isAbsolute(path) || path.includes('\0') || path.split('/').includes('..')) return undefined;
  const plain = normalize(path);
  return plain === '/' ? plain : plain.replace(/\/$/, '');
}

/**
 * Makes a directory of mode 0700 that belongs to `uid`, and its parents where they are missing. What is there may be no link, or
 * somebody else's directory would be handed over: everything after the look at it goes through a handle. Returns why it was
 * refused; undefined: it is done. Throws what the system throws. Needs CAP_CHOWN alone.
 */
export function makeOwned(path: string, uid: number): string | undefined {
  const planted = linkOf(path, uid);
  if (planted !== undefined) return `${planted} is a link of user ${uid}`;
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there === undefined) mkdirSync(path, { recursive: true, mode: 0o700 });
  else if (!there.isDirectory()) return `${path} is not a directory`;
  const handle = open(path);
  try {
    const stats = fstatSync(handle);
    if ((stats.mode & 0o777) !== 0o700) {
      // Without CAP_FOWNER only its owner may change the mode.
      if (stats.uid !== 0) fchownSync(handle, 0, 0);
      fchmodSync(handle, 0o700);
    }
    fchownSync(handle, uid, uid);
    return undefined;
  } finally {
    closeSync(handle);
  }
}

function open(path: string): number {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  try {
    return openSync(path, flags);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
    // The daemon's, from an earlier run: root without CAP_DAC_OVERRIDE may open only its own. lchown(2) follows no link.
    lchownSync(path, 0, 0);
    return openSync(path, flags);
  }
}

/** A link on the way that belongs to the user who gets the directory: the daemon must not say where root acts. */
function linkOf(path: string, uid: number): string | undefined {
  for (let at = dirname(path); at !== '/'; at = dirname(at)) {
    const stats = lstatSync(at, { throwIfNoEntry: false });
    if (stats?.isSymbolicLink() === true && stats.uid === uid && uid !== 0) return at;
  }
  return undefined;
}

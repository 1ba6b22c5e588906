import type { BigIntStats } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { sep } from 'node:path';
import { KeymountError } from '../../errors.ts';
import { failureOf, isAbsent } from './failure.ts';
import { type Format, unusable } from './parse.ts';

/** The one file that an address stands for. */
export interface Found {
  /** Within the store, as errors name it. */
  readonly file: string;
  readonly format: Format;
  /** Without symbolic links. */
  readonly realPath: string;
  readonly stats: BigIntStats;
}

/** What an address may stand for: a file of keys without its extension, or any file by its whole name. */
const endings: readonly { readonly ending: string; readonly format: Format }[] = [
  { ending: '', format: 'bytes' },
  { ending: '.yaml', format: 'yaml' },
  { ending: '.yml', format: 'yaml' },
  { ending: '.json', format: 'json' },
];

/**
 * Finds the file of an address below `root` (absolute). undefined: it went away between two looks. Follows symbolic links, but only to files below the real root: that
 * includes `..data` of a Kubernetes volume. Throws `secret-missing`, `secret-denied`, `address-not-allowed`,
 * `backend-reply-invalid` (two files for one address, or no regular file) and `backend-unreachable` (no store).
 */
export async function locate(root: string, address: string): Promise<Found | undefined> {
  const realRoot = await resolveRoot(root);
  const candidates = await Promise.all(endings.map(({ ending, format }) => look(root, address + ending, format)));
  const present = candidates.filter((candidate) => candidate !== undefined);
  // A directory `db/` beside `db.yaml` is a folder of the store, no second meaning of `db`.
  const files = present.filter(({ stats }) => !stats.isDirectory());
  const [first, second] = files;
  if (first === undefined) throw missing(address, present.length > 0);
  if (second !== undefined) {
    const hint = 'the owner of the store has to remove or rename one of them';
    const both = files.map(({ file }) => file).join(' and ');
    throw new KeymountError('backend-reply-invalid', `${address} is ambiguous in the file store: ${both} exist`, {
      hint,
    });
  }
  if (!first.stats.isFile()) throw unusable(first.file, 'is not a regular file');
  const realPath = await realpath(`${root}/${first.file}`).catch((error) => {
    if (isAbsent(error)) return undefined;
    throw failureOf(error, first.file);
  });
  if (realPath === undefined) return undefined;
  if (!realPath.startsWith(realRoot === sep ? sep : realRoot + sep)) {
    // The store may itself be a folder of a volume that was swapped just now.
    if ((await resolveRoot(root)) !== realRoot) return undefined;
    throw new KeymountError('address-not-allowed', `${first.file} leads out of the file store by a symbolic link`);
  }
  return { ...first, realPath };
}

function resolveRoot(root: string): Promise<string> {
  return realpath(root).catch((error) => {
    throw failureOf(error, 'the directory of the file store');
  });
}

type Candidate = Pick<Found, 'file' | 'format' | 'stats'>;

async function look(root: string, file: string, format: Format): Promise<Candidate | undefined> {
  try {
    return { file, format, stats: await stat(`${root}/${file}`, { bigint: true }) };
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw failureOf(error, file);
  }
}

function missing(address: string, isFolder: boolean): KeymountError {
  const tried = endings.map(({ ending }) => address + ending).join(', ');
  const hint = isFolder ? `it is a folder; tried ${tried}` : `tried ${tried}`;
  return new KeymountError('secret-missing', `${address} is not in the file store`, { hint });
}

import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { KeymountError } from '../../errors.ts';
import { failureOf, isAbsent, isLink } from './failure.ts';
import { unusable } from './parse.ts';

/** Bytes of one file; Kubernetes' own Secrets have the same limit. */
export const largestFile = 1024 * 1024;

export interface Content {
  readonly bytes: Uint8Array;
  /** Of the open file, so that no later change of the name can come between. */
  readonly stats: BigIntStats;
}

/**
 * Reads a regular file of at most 1 MiB. undefined: it changed or went away meanwhile. Throws `backend-reply-invalid`,
 * `secret-denied` and `backend-unreachable`. `file` is its name in errors.
 */
export async function readRegularFile(realPath: string, file: string): Promise<Content | undefined> {
  // O_NOFOLLOW: the path was resolved, so a link there now is a change; O_NONBLOCK: opening a pipe must not wait for its writer.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(realPath, flags).catch((error) => {
    if (isAbsent(error) || isLink(error)) return undefined;
    throw failureOf(error, file);
  });
  if (handle === undefined) return undefined;
  try {
    const stats = await handle.stat({ bigint: true });
    if (!stats.isFile()) throw unusable(file, 'is not a regular file');
    if (stats.size > BigInt(largestFile)) throw unusable(file, `is larger than ${largestFile} bytes`);
    const bytes = await readBytes(handle, Number(stats.size));
    const after = await handle.stat({ bigint: true });
    // Not ctime: the file may lose its name meanwhile, and what was read is whole nevertheless.
    const torn = bytes === undefined || after.size !== stats.size || after.mtimeNs !== stats.mtimeNs;
    return torn ? undefined : { bytes, stats };
  } catch (error) {
    throw error instanceof KeymountError ? error : failureOf(error, file);
  } finally {
    await handle.close();
  }
}

async function readBytes(handle: FileHandle, size: number): Promise<Uint8Array | undefined> {
  const bytes = new Uint8Array(size);
  let filled = 0;
  while (filled < size) {
    const { bytesRead } = await handle.read(bytes, filled, size - filled, filled);
    if (bytesRead === 0) return undefined;
    filled += bytesRead;
  }
  return bytes;
}

/** Nobody can set ctime, so a tool that restores mtime (`cp -p`, `rsync -t`) is noticed as well. */
export function sameContent(a: BigIntStats, b: BigIntStats): boolean {
  return a.dev === b.dev && a.ino === b.ino && a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs;
}

import { promises as fs } from 'node:fs';

/** What a whole file is called before it is one. */
export const draftSuffix = '.new';

/**
 * The file with this content, mode 0600, whole or not at all: whoever dies in between leaves the old one, and a draft. Without
 * fsync: the state directory is on tmpfs, where nothing outlives the machine and a rename outlives every process; on a disk a
 * power failure can leave a file that its seal does not open, which is the same as having none.
 */
export async function writeWhole(file: string, content: Buffer): Promise<void> {
  const draft = file + draftSuffix;
  const write = () => fs.writeFile(draft, content, { flag: 'wx', mode: 0o600 });
  await write().catch(async (error: unknown) => {
    if (codeOf(error) !== 'EEXIST') throw error;
    await remove(draft);
    await write();
  });
  await fs.rename(draft, file);
}

/** Nothing is there afterwards. */
export async function remove(file: string): Promise<void> {
  await fs.unlink(file).catch((error: unknown) => {
    if (codeOf(error) !== 'ENOENT') throw error;
  });
}

/** undefined: there is none. Throws what the disk throws, and for a file with more than `most` bytes an Error with code EFBIG. */
export async function readBounded(file: string, most: number): Promise<Buffer | undefined> {
  let handle: fs.FileHandle;
  try {
    handle = await fs.open(file, 'r');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { size } = await handle.stat();
    if (size > most) throw Object.assign(new Error('too large'), { code: 'EFBIG' });
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

/** The directory, 0700 also where it was there with another mode. */
export async function makePrivate(dir: string): Promise<void> {
  await fs.mkdir(dir, { recursive: true, mode: 0o700 });
  await fs.chmod(dir, 0o700);
}

export function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException | undefined)?.code ?? 'failed';
}

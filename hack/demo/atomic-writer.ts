import { chmod, mkdir, mkdtemp, readdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** A file for the volume: path relative to it, mode 0 to 0o777. */
export interface VolumeFile {
  readonly path: string;
  readonly mode: number;
  readonly contents: Uint8Array;
}

/**
 * Writes a volume in the steps of the driver (v1.6.0, which has them from Kubernetes' AtomicWriter): all files into a new dated
 * directory, then one rename of the link `..data` onto it. An app sees either all old files or all new ones. Returns false, and
 * touches nothing, if every file has its bytes already; a mode alone is not compared.
 */
export async function writeVolume(volume: string, files: readonly VolumeFile[], now: Date): Promise<boolean> {
  const data = join(volume, '..data');
  const oldName = await readlink(data).catch(() => undefined);
  const oldDirectory = oldName === undefined ? undefined : join(volume, oldName);
  const stale = await findStale(oldDirectory, files);
  if (stale.size === 0 && !(await differs(oldDirectory, files))) return false;

  const newDirectory = await mkdtemp(join(volume, dateName(now)));
  await chmod(newDirectory, 0o755);
  for (const { path, mode, contents } of files) {
    const target = join(newDirectory, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, contents, { mode });
    // The umask of this process has its say in writeFile, none in chmod.
    await chmod(target, mode);
  }
  for (const top of new Set(files.map(({ path }) => topOf(path)))) {
    const link = join(volume, top);
    if ((await readlink(link).catch(() => undefined)) === undefined) await symlink(join('..data', top), link);
  }
  await symlink(newDirectory.slice(volume.length + 1), join(volume, '..data_tmp'));
  await rename(join(volume, '..data_tmp'), data);
  const kept = new Set(files.map(({ path }) => topOf(path)));
  for (const top of stale) if (!kept.has(top)) await rm(join(volume, top), { force: true });
  if (oldDirectory !== undefined) await rm(oldDirectory, { recursive: true });
  return true;
}

/** First path elements of files that are there and no longer wanted. */
async function findStale(directory: string | undefined, files: readonly VolumeFile[]): Promise<Set<string>> {
  if (directory === undefined) return new Set();
  const wanted = new Set(files.map(({ path }) => path));
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const present = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Set(
    present
      .map((path) => path.slice(directory.length + 1))
      .filter((path) => !wanted.has(path))
      .map(topOf),
  );
}

async function differs(directory: string | undefined, files: readonly VolumeFile[]): Promise<boolean> {
  if (directory === undefined) return true;
  for (const { path, contents } of files) {
    const present = await readFile(join(directory, path)).catch(() => undefined);
    if (present === undefined || !present.equals(contents)) return true;
  }
  return false;
}

/** `..2026_11_22_10_26_25.`, in UTC; mkdtemp adds the rest. */
function dateName(now: Date): string {
  const [date = '', time = ''] = now.toISOString().split(/[T.]/);
  return `..${date.replaceAll('-', '_')}_${time.replaceAll(':', '_')}.`;
}

function topOf(path: string): string {
  return path.split('/', 1)[0] ?? path;
}

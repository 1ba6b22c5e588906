import { promises as fs } from 'node:fs';
import path from 'node:path';
import { codeOf } from './whole-file.ts';

/** Files that were of no use keep this name, for whoever wants to know why. */
export const unusableSuffix = '.unusable';

/** More files, or bytes, are not kept: the oldest go. */
const most = { files: 16, bytes: 8 * 1024 * 1024 };

/** Renames the file out of the way. Returns the code of what prevented it; never throws. */
export async function setAside(folder: string, name: string): Promise<string | undefined> {
  const file = path.join(folder, name);
  const aside = file + unusableSuffix;
  try {
    await fs.rm(aside, { recursive: true, force: true });
    await fs.rename(file, aside);
    // By the time of setting aside: a rename leaves the time of writing, which for a newer keymount's file may be far off.
    const now = new Date((await fs.stat(aside)).ctimeMs);
    await fs.utimes(aside, now, now);
    await dropOldest(folder);
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
}

async function dropOldest(folder: string): Promise<void> {
  const names = (await fs.readdir(folder)).filter((name) => name.endsWith(unusableSuffix));
  const files = await Promise.all(
    names.map(async (name) => {
      const file = path.join(folder, name);
      const { mtimeMs, size } = await fs.stat(file);
      return { file, at: mtimeMs, size };
    }),
  );
  const kept = { files: 0, bytes: 0 };
  for (const { file, size } of files.toSorted((a, b) => b.at - a.at)) {
    kept.files++;
    kept.bytes += size;
    if (kept.files > most.files || kept.bytes > most.bytes) await fs.rm(file, { recursive: true, force: true });
  }
}

import { promises as fs } from 'node:fs';
import path from 'node:path';
import { codeOf } from './whole-file.ts';

/** Files that were of no use keep this name, for whoever wants to know why. */
export const unusableSuffix = '.unusable';

/** More are not kept: the oldest go. */
const most = 16;

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
  if (names.length <= most) return;
  const times = await Promise.all(
    names.map(async (name) => {
      const file = path.join(folder, name);
      return { file, at: (await fs.stat(file)).mtimeMs };
    }),
  );
  times.sort((a, b) => a.at - b.at);
  for (const { file } of times.slice(0, -most)) await fs.rm(file, { recursive: true, force: true });
}

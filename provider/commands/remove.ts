import { lchownSync, lstatSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { KeymountError } from '../errors.ts';
import { isAnswered } from '../rpc/sockets.ts';
import { linksOf, ownDirectory, removeLink } from './links.ts';
import type { PrepareOptions } from './prepare-options.ts';
import type { PrepareUse } from './prepare-use.ts';

/** Milliseconds between looks whether keymount has ended. */
const interval = 1_000;

/**
 * Takes away what `prepare` and the daemon made in the providers directories: links that are ours, and our sub-directory with the sockets
 * in it. Says what was removed, and what is there that is somebody else's. Throws `socket-taken` where a keymount still answers after
 * `wait`; nothing was removed then.
 */
export async function removeAll(
  { providersDirs, dialects, wait }: Pick<PrepareOptions, 'providersDirs' | 'dialects' | 'wait'>,
  { say, stop, clock }: PrepareUse,
): Promise<void> {
  const [first = ''] = providersDirs;
  const directory = join(first, ownDirectory);
  const began = clock.now();
  for (let answers = await answeringIn(directory); answers !== undefined; answers = await answeringIn(directory)) {
    if (clock.now() - began >= wait || stop.aborted) {
      throw new KeymountError('socket-taken', `keymount still answers on ${answers}`, {
        hint: 'delete its DaemonSet first: kubectl -n keymount delete daemonset keymount',
      });
    }
    await clock.sleep(interval, stop).catch(() => {});
  }
  for (const link of linksOf(providersDirs, dialects)) if (removeLink(link)) say(`removed ${link.path}`);
  for (const line of await asRoot(directory, async () => emptied(directory))) say(line);
}

/** A socket of the directory that somebody listens on. */
async function answeringIn(directory: string): Promise<string | undefined> {
  return await asRoot(directory, async () => {
    for (const path of socketsIn(directory)) {
      const { uid, gid } = lstatSync(path);
      // Root without CAP_DAC_OVERRIDE may connect to its own sockets alone.
      if (uid !== 0) lchownSync(path, 0, 0);
      const answered = await isAnswered(path);
      if (answered === false) continue;
      if (uid !== 0) lchownSync(path, uid, gid);
      return path;
    }
    return undefined;
  });
}

function emptied(directory: string): string[] {
  if (lstatSync(directory, { throwIfNoEntry: false }) === undefined) return [];
  for (const path of socketsIn(directory)) rmSync(path);
  const others = readdirSync(directory);
  if (others.length > 0) return [`${directory} stays, it holds ${others.toSorted().join(', ')}`];
  rmdirSync(directory);
  return [`removed ${directory}`];
}

function socketsIn(directory: string): string[] {
  const stats = lstatSync(directory, { throwIfNoEntry: false });
  if (stats === undefined) return [];
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isSocket() && entry.name.endsWith('.sock'))
    .map(({ name }) => join(directory, name));
}

/** The directory is the daemon's, 0700, and root without CAP_DAC_OVERRIDE may look only into its own. lchown(2) follows no link. */
async function asRoot<Result>(directory: string, act: () => Promise<Result>): Promise<Result> {
  const before = lstatSync(directory, { throwIfNoEntry: false });
  if (before !== undefined && !before.isDirectory())
    throw new KeymountError('settings-invalid', `${directory} is not a directory`);
  if (before === undefined || before.uid === 0) return await act();
  lchownSync(directory, 0, 0);
  try {
    return await act();
  } finally {
    const after = lstatSync(directory, { throwIfNoEntry: false });
    if (after?.ino === before.ino) lchownSync(directory, before.uid, before.gid);
  }
}

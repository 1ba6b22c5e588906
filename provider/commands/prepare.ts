import { join } from 'node:path';
import { checkFree } from '../rpc/sockets.ts';
import { type Clock, systemClock } from '../util/clock.ts';
import { keepLinks } from './keep-links.ts';
import { faultOf, linksOf, makeLink, ownDirectory } from './links.ts';
import { makeOwned } from './own-directory.ts';
import { invalid, type PrepareOptions, prepareHelp, readOptions } from './prepare-options.ts';
import { removeAll } from './remove.ts';
import { waitForSockets } from './wait-for-sockets.ts';

export interface PrepareUse {
  readonly print: (text: string) => void;
  /** Aborts when the process is asked to stop. */
  readonly stop: AbortSignal;
  readonly clock?: Clock;
}

/**
 * `keymount prepare`: what only root can do before the unprivileged daemon starts. In the first providers directory, which is
 * root's and shared with other providers, it makes our sub-directory `keymount/` and relative links `vault.sock ->
 * keymount/vault.sock`, and hands the sub-directory and the state directory to the daemon's user. In further providers directories
 * it makes links to the same sockets: the driver looks there first. Needs uid 0 and CAP_CHOWN; the owner and mode of the providers
 * directories stay as they are.
 */
export async function runPrepare(
  argv: readonly string[],
  { print, stop, clock = systemClock }: PrepareUse,
): Promise<number> {
  if (argv.includes('--help') || argv.includes('-h')) {
    print(prepareHelp);
    return 0;
  }
  const options = readOptions(argv);
  const { providersDirs, dialects, takeover, keep } = options;
  const use = { print, stop, clock };
  if (options.remove) {
    await removeAll(options, use);
    if (keep) await clock.sleep(Number.MAX_SAFE_INTEGER, stop).catch(() => {});
    return 0;
  }
  await prepare(options, use);
  for (const dir of providersDirs) print(`keymount may serve ${dialects.join(', ')} in ${dir}\n`);
  if (keep) await keepLinks(linksOf(providersDirs, dialects), { ...use, takeover });
  return 0;
}

/** Waits for another provider to leave. Throws `socket-taken` before anything is changed, and `settings-invalid`. */
export async function prepare(
  options: PrepareOptions,
  { print, stop, clock = systemClock }: PrepareUse,
): Promise<void> {
  const { providersDirs, stateDir, dialects, uid, takeover, wait } = options;
  const links = linksOf(providersDirs, dialects);
  if (!takeover) await waitForSockets(links, { clock, wait, print, stop });
  for (const link of links) if (faultOf(link) !== undefined) await checkFree(link.path, takeover, clock);
  const [first = ''] = providersDirs;
  own(join(first, ownDirectory), uid);
  if (stateDir !== undefined) own(stateDir, uid);
  for (const link of links) makeLink(link);
}

function own(path: string, uid: number): void {
  try {
    const refused = makeOwned(path, uid);
    if (refused !== undefined) throw invalid(refused);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A link took the place of what was looked at.
    if (code === 'ELOOP' || code === 'ENOTDIR' || code === 'EEXIST') throw invalid(`${path} is not a directory`);
    throw error;
  }
}

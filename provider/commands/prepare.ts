import { join } from 'node:path';
import { oneLine } from '../errors.ts';
import { checkFree } from '../rpc/sockets.ts';
import { type Clock, systemClock } from '../util/clock.ts';
import { keepLinks } from './keep-links.ts';
import { faultOf, linksOf, makeLink, ownDirectory } from './links.ts';
import { makeOwned } from './own-directory.ts';
import { invalid, type PrepareOptions, prepareHelp, readOptions } from './prepare-options.ts';
import type { PrepareUse } from './prepare-use.ts';
import { removeAll } from './remove.ts';
import { waitForSockets } from './wait-for-sockets.ts';

export interface PrepareEdges extends Pick<PrepareUse, 'stop'> {
  /** Takes text with its line ends. */
  readonly print: (text: string) => void;
  readonly clock?: Clock;
}

/** Characters of a line of the log. */
const longestLine = 1_000;

/**
 * `keymount prepare`: what only root can do before the unprivileged daemon starts. In the first providers directory, which is
 * root's and shared with other providers, it makes our sub-directory `keymount/` and relative links `vault.sock ->
 * keymount/vault.sock`, and hands the sub-directory and the state directory to the daemon's user. In further providers directories
 * it makes links to the same sockets: the driver looks there first. Needs uid 0 and CAP_CHOWN; the owner and mode of the providers
 * directories stay as they are.
 */
export async function runPrepare(
  argv: readonly string[],
  { print, stop, clock = systemClock }: PrepareEdges,
): Promise<number> {
  if (argv.includes('--help') || argv.includes('-h')) {
    print(prepareHelp);
    return 0;
  }
  const options = readOptions(argv);
  const { providersDirs, dialects, takeover, keep } = options;
  const say = (line: string) => print(`${oneLine(line).slice(0, longestLine)}\n`);
  const use = { say, stop, clock };
  if (options.remove) {
    await removeAll(options, use);
    if (keep) await clock.sleep(Number.MAX_SAFE_INTEGER, stop).catch(() => {});
    return 0;
  }
  await prepare(options, use);
  for (const dir of providersDirs) say(`keymount may serve ${dialects.join(', ')} in ${dir}`);
  if (keep) await keepLinks(linksOf(providersDirs, dialects), takeover, use);
  return 0;
}

/** Waits for another provider to leave. Throws `socket-taken` before anything is changed, and `settings-invalid`. */
export async function prepare(options: PrepareOptions, use: PrepareUse): Promise<void> {
  const { providersDirs, stateDir, dialects, uid, takeover, wait } = options;
  const links = linksOf(providersDirs, dialects);
  if (!takeover) await waitForSockets(links, wait, use);
  for (const link of links) if (faultOf(link) !== undefined) await checkFree(link.path, takeover, use.clock);
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

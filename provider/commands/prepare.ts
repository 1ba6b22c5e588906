import { lstatSync, mkdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { KeymountError } from '../errors.ts';
import { type DialectName, dialectNames } from '../plan/plan.ts';
import { checkFree } from '../rpc/sockets.ts';
import { systemClock } from '../util/clock.ts';
import { makeOwned, plainPath } from './own-directory.ts';

/**
 * `keymount prepare`: what only root can do before the unprivileged daemon starts. In the first providers directory, which is
 * root's and shared with other providers, it makes our sub-directory `keymount/` and relative links `vault.sock ->
 * keymount/vault.sock` (the driver, v1.6.0, follows them), and hands the sub-directory and the state directory to the daemon's
 * user. In further providers directories it makes links to the same sockets: the driver looks there first, and mounts all of them
 * under the node's own paths. Needs uid 0 and CAP_CHOWN; the owner and mode of the providers directories stay as they are.
 */
export interface PrepareOptions {
  readonly providersDirs: readonly string[];
  readonly stateDir: string | undefined;
  readonly dialects: readonly DialectName[];
  readonly uid: number;
  readonly takeover: boolean;
}

/** Our sub-directory of the first providers directory. */
const ownDirectory = 'keymount';

export const prepareHelp = `usage: keymount prepare --providers-dir DIR [--providers-dir DIR] [options]

  --providers-dir DIR   directory in which the driver looks for sockets; may be given more than once, the first gets the sockets
  --state-dir DIR       state directory to make for the daemon
  --providers LIST      dialects that get a link, separated by commas (default ${dialectNames.join(',')})
  --uid N               user of the daemon (default 65532)
  --takeover            replace a socket on which another provider answers
`;

export async function runPrepare(argv: readonly string[], print: (text: string) => void): Promise<number> {
  if (argv.includes('--help')) {
    print(prepareHelp);
    return 0;
  }
  const options = readOptions(argv);
  await prepare(options);
  for (const dir of options.providersDirs) print(`keymount may serve ${options.dialects.join(', ')} in ${dir}\n`);
  return 0;
}

/** Throws `socket-taken` before anything is changed, and `settings-invalid`. */
export async function prepare(options: PrepareOptions): Promise<void> {
  const { dialects, uid, takeover } = options;
  const providersDirs = options.providersDirs.map((dir) => plain('--providers-dir', dir));
  const stateDir = options.stateDir === undefined ? undefined : plain('--state-dir', options.stateDir);
  const [first = ''] = providersDirs;
  const links = providersDirs.flatMap((dir) => {
    const sockets = dir === first ? ownDirectory : join(first, ownDirectory);
    return dialects.map((dialect) => ({ dir, name: `${dialect}.sock`, target: join(sockets, `${dialect}.sock`) }));
  });
  for (const { dir, name, target } of links) {
    if (!pointsTo(join(dir, name), target)) await checkFree(join(dir, name), takeover, systemClock);
  }
  own(join(first, ownDirectory), uid);
  if (stateDir !== undefined) own(stateDir, uid);
  for (const each of links) link(each);
}

function readOptions(argv: readonly string[]): PrepareOptions {
  const { values } = parse(argv);
  const providersDirs = values['providers-dir'] ?? [];
  if (providersDirs.length === 0) throw invalid('--providers-dir is missing');
  const names = values.providers?.split(',') ?? [...dialectNames];
  const unknown = names.find((name) => !(dialectNames as readonly string[]).includes(name));
  if (unknown !== undefined) throw invalid(`--providers: there is no dialect ${JSON.stringify(unknown)}`);
  const uid = uidOf(values.uid ?? '65532');
  return {
    providersDirs,
    stateDir: values['state-dir'],
    dialects: names as DialectName[],
    uid,
    takeover: values.takeover ?? false,
  };
}

/** Number() takes `` for 0, and 1e3 and 0x10 as well. The largest uid_t means to chown(2) that nothing changes. */
function uidOf(text: string): number {
  const uid = /^(?:0|[1-9]\d{0,9})$/.test(text) ? Number(text) : Number.NaN;
  if (!(uid < 2 ** 32 - 1)) throw invalid('--uid must be a number');
  return uid;
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        'providers-dir': { type: 'string', multiple: true },
        'state-dir': { type: 'string' },
        providers: { type: 'string' },
        uid: { type: 'string' },
        takeover: { type: 'boolean' },
      },
    });
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : 'bad options');
  }
}

function invalid(message: string): KeymountError {
  return new KeymountError('settings-invalid', message, { hint: 'see keymount prepare --help' });
}

function pointsTo(path: string, target: string): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats?.isSymbolicLink() === true && readlinkSync(path) === target;
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

function plain(flag: string, path: string): string {
  const found = plainPath(path);
  if (found === undefined) throw invalid(`${flag} must be an absolute path without ..`);
  return found;
}

function link({ dir, name, target }: { dir: string; name: string; target: string }): void {
  const path = join(dir, name);
  if (pointsTo(path, target)) return;
  mkdirSync(dir, { recursive: true });
  const fresh = join(dir, `.${name}.${ownDirectory}`);
  rmSync(fresh, { force: true });
  symlinkSync(target, fresh);
  renameSync(fresh, path);
}

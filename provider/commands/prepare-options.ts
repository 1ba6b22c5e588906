import { parseArgs } from 'node:util';
import { KeymountError } from '../errors.ts';
import { type DialectName, dialectNames } from '../plan/plan.ts';
import { durationForm, formatDuration, parseDuration } from '../util/duration.ts';
import { plainPath } from './own-directory.ts';

export interface PrepareOptions {
  /** The first one gets our sub-directory with the sockets. */
  readonly providersDirs: readonly string[];
  readonly stateDir: string | undefined;
  readonly dialects: readonly DialectName[];
  readonly uid: number;
  readonly takeover: boolean;
  /** Milliseconds for which it waits for another provider, or keymount, to end. */
  readonly wait: number;
  /** Take away what was made. */
  readonly remove: boolean;
  /** Go on running: keep the links, or with `remove` do nothing. */
  readonly keep: boolean;
}

/** Milliseconds. */
const usualWait = 600_000;

export const prepareHelp = `usage: keymount prepare --providers-dir DIR [--providers-dir DIR] [options]

  --providers-dir DIR   directory in which the driver looks for sockets; may be given more than once, the first gets the sockets
  --state-dir DIR       state directory to make for the daemon
  --providers LIST      dialects that get a link, separated by commas (default ${dialectNames.join(',')})
  --uid N               user of the daemon (default 65532)
  --wait DURATION       how long to wait for another provider to leave its socket (default ${formatDuration(usualWait)}; 0: not at all)
  --takeover            replace a socket on which another provider answers, at once
  --keep                stay, and make a link again that is gone: another provider that ends removes what lies under its socket's name
  --remove              take away the links and sockets that keymount made, and nothing else; the state directory stays, so that
                        credentials go on where keymount comes back. With --keep: and stay until told to stop
`;

/** Throws `settings-invalid`. */
export function readOptions(argv: readonly string[]): PrepareOptions {
  const { values } = parse(argv);
  const { remove = false, keep = false, takeover = false } = values;
  const providersDirs = (values['providers-dir'] ?? []).map((dir) => plain('--providers-dir', dir));
  if (providersDirs.length === 0) throw invalid('--providers-dir is missing');
  const stateDir = values['state-dir'];
  if (remove && stateDir !== undefined) throw invalid('--state-dir has no meaning with --remove: the state stays');
  return {
    providersDirs,
    stateDir: stateDir === undefined ? undefined : plain('--state-dir', stateDir),
    dialects: dialectsOf(values.providers),
    uid: uidOf(values.uid ?? '65532'),
    takeover,
    wait: waitOf(values.wait),
    remove,
    keep,
  };
}

export function invalid(message: string): KeymountError {
  return new KeymountError('settings-invalid', message, { hint: 'see keymount prepare --help' });
}

function dialectsOf(list: string | undefined): DialectName[] {
  const names = list?.split(',') ?? [...dialectNames];
  const unknown = names.find((name) => !(dialectNames as readonly string[]).includes(name));
  if (unknown !== undefined) throw invalid(`--providers: there is no dialect ${JSON.stringify(unknown)}`);
  return names as DialectName[];
}

/** Number() takes `` for 0, and 1e3 and 0x10 as well. The largest uid_t means to chown(2) that nothing changes. */
function uidOf(text: string): number {
  const uid = /^(?:0|[1-9]\d{0,9})$/.test(text) ? Number(text) : Number.NaN;
  if (!(uid < 2 ** 32 - 1)) throw invalid('--uid must be a number');
  return uid;
}

function waitOf(text: string | undefined): number {
  const wait = text === undefined ? usualWait : parseDuration(text);
  if (wait === undefined) throw invalid(`--wait must be ${durationForm}`);
  return wait;
}

function plain(flag: string, path: string): string {
  const found = plainPath(path);
  if (found === undefined) throw invalid(`${flag} must be an absolute path without ..`);
  return found;
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
        wait: { type: 'string' },
        takeover: { type: 'boolean' },
        keep: { type: 'boolean' },
        remove: { type: 'boolean' },
      },
    });
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : 'bad options');
  }
}

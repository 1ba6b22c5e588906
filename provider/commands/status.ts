import { KeymountError } from '../errors.ts';
import type { Status } from '../mount/status.ts';
import { adminPath, askAdmin } from '../rpc/admin.ts';
import { formatDuration } from '../util/duration.ts';
import { columns } from './columns.ts';

export const statusHelp = `usage: keymount status [--socket-dir DIR] [--json]

Asks the keymount that runs on this node what it holds: sessions, secrets by age, hits and misses, servers that are away. No values.
`;

/** `keymount status`. Throws `settings-invalid` where no keymount answers. */
export async function runStatus(
  argv: readonly string[],
  socketDir: string,
  print: (line: string) => void,
): Promise<number> {
  const answer = await askAdmin(socketDir, 'GET', '/status');
  if ('code' in answer) throw nobody(socketDir, answer.code);
  const status = parse(answer.text);
  if (status === undefined) throw nobody(socketDir, 'the answer is not that of a keymount');
  if (argv.includes('--json')) {
    print(JSON.stringify(status, undefined, 2));
    return 0;
  }
  for (const line of describe(status)) print(line);
  return 0;
}

/** undefined: whoever has the socket is no keymount. */
function parse(text: string): Status | undefined {
  try {
    const status = JSON.parse(text) as Status;
    return typeof status.version === 'string' ? status : undefined;
  } catch {
    return undefined;
  }
}

function describe(status: Status): string[] {
  const { version, uptime, mounts, sessions, secrets, reads, leases, servers, links } = status;
  const asked = reads.cache + reads.stale + reads.backend;
  const share = asked === 0 ? '' : `, ${Math.round((100 * (reads.cache + reads.stale)) / asked)} % from memory`;
  return [
    `keymount ${version}, up ${formatDuration(Math.floor(uptime / 1000) * 1000)}`,
    '',
    // An older keymount tells nothing of them.
    ...(links ?? []).map((fault) => `no Mount may come: ${fault}`),
    ...columns([
      ['mounts', `${mounts.answered} answered, ${mounts.failed} failed, ${mounts.inFlight} in flight`],
      ['sessions', `${sessions.account} of ServiceAccounts, ${sessions.pod} of single pods`],
      ['secrets', `${secrets.count} in ${Math.ceil(secrets.bytes / 1024)} KiB`],
      [
        '  by age',
        Object.entries(secrets.ages)
          .map(([age, count]) => `${age}: ${count}`)
          .join(', '),
      ],
      ['reads', `${reads.backend} asked, ${reads.cache} remembered, ${reads.stale} outdated${share}`],
    ]),
    ...columns([
      ['leases', leaseText(leases)],
      ['pod ends', leases.podWatch],
    ]),
    '',
    ...(servers.length === 0
      ? ['no server was asked yet']
      : columns([
          ['server', 'state', 'in flight', 'waiting'],
          ...servers.map(({ address, open, failures, inFlight, waiting }) => [
            address,
            open ? `away (${failures} failures in a row)` : failures > 0 ? `${failures} failures in a row` : 'answers',
            String(inFlight),
            String(waiting),
          ]),
        ])),
  ];
}

function leaseText({ pods, count, nextRenewal, firstEnd }: Status['leases']): string {
  if (count === 0) return 'none in keeping';
  const next = nextRenewal === undefined ? 'none to renew' : `next renewal in ${formatDuration(nextRenewal)}`;
  const end =
    firstEnd === undefined ? '' : `, the first ends in ${formatDuration(firstEnd)} unless renewed or replaced`;
  return `${count} of ${pods} pods, ${next}${end}`;
}

function nobody(socketDir: string, reason: string): KeymountError {
  return new KeymountError('settings-invalid', `no keymount answers on ${adminPath(socketDir)}`, {
    reason,
    hint: 'run it as the user of keymount or as root, with the --socket-dir of the keymount that serves',
  });
}

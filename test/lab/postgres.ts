import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { startChild, untilReady } from './child-process.ts';
import { freePort } from './free-port.ts';
import { scratchFolder } from './scratch.ts';

const run = promisify(execFile);

/** A PostgreSQL server of a test on 127.0.0.1, in a folder of its own. It knows which credentials live. */
export interface Postgres {
  readonly port: number;
  /** The superuser `postgres`. */
  readonly password: string;
  /** Rows of a query, columns as text. */
  query(sql: string): Promise<string[][]>;
  /** Roles that OpenBao made and that have not ended, by name. */
  liveRoles(): Promise<string[]>;
  /** Does a login with these succeed now? */
  canLogIn(user: string, password: string): Promise<boolean>;
  stop(): Promise<void>;
}

const folders = ['/usr/lib/postgresql', '/usr/local/lib/postgresql'];

/** The folder with `initdb` and `postgres` of the newest version; they are not on the PATH of Debian. */
function programs(): string | undefined {
  const found = folders
    .filter((folder) => existsSync(folder))
    .flatMap((folder) =>
      readdirSync(folder).map((version) => ({ version: Number(version), bin: `${folder}/${version}/bin` })),
    )
    .filter(({ bin }) => existsSync(`${bin}/initdb`) && existsSync(`${bin}/postgres`));
  return found.sort((a, b) => b.version - a.version)[0]?.bin;
}

const advice = 'PostgreSQL is not installed (Debian: apt-get install postgresql)';

/** Options for `describe`, as `requires` of tools.ts: outside of CI a skip with its reason where it is missing. */
export function requiresPostgres(): { skip: string | false } {
  return { skip: programs() === undefined && !process.env['CI'] ? advice : false };
}

export async function startPostgres(): Promise<Postgres> {
  const bin = programs();
  if (bin === undefined) throw new Error(advice);
  const folder = scratchFolder('pg');
  const data = `${folder}/data`;
  const password = 'lab-superuser';
  const port = await freePort();
  const as = otherUser();
  mkdirSync(data);
  writeFileSync(`${folder}/password`, password);
  if (as !== undefined) {
    chmodSync(folder, 0o755);
    for (const path of [data, `${folder}/password`]) chownSync(path, as.uid, as.gid);
  }
  const command = (program: string, args: string[]): [string, string[]] => {
    const switched = ['--reuid', `${as?.uid}`, '--regid', `${as?.gid}`, '--clear-groups', program, ...args];
    return as === undefined ? [program, args] : ['setpriv', switched];
  };
  const options = ['-A', 'scram-sha-256', '-U', 'postgres', `--pwfile=${folder}/password`, '--no-sync'];
  await run(...command(`${bin}/initdb`, ['-D', data, ...options]), { cwd: '/' });
  const settings = [
    `port=${port}`,
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'fsync=off',
    'max_connections=300',
  ];
  const flags = settings.flatMap((setting) => ['-c', setting]);
  const child = await startChild(...command(`${bin}/postgres`, ['-D', data, ...flags]), { cwd: '/' });

  async function psql(user: string, secret: string, sql: string): Promise<string> {
    const target = ['-h', '127.0.0.1', '-p', `${port}`, '-U', user, '-d', 'postgres', '-XAt', '-F', '\t', '-c', sql];
    const env = { PATH: '/usr/bin:/bin', PGPASSWORD: secret, PGCONNECT_TIMEOUT: '5' };
    return (await run(`${bin}/psql`, target, { env })).stdout;
  }
  async function canLogIn(user: string, secret: string): Promise<boolean> {
    try {
      return (await psql(user, secret, 'select 1')).trim() === '1';
    } catch {
      return false;
    }
  }
  async function query(sql: string): Promise<string[][]> {
    const lines = (await psql('postgres', password, sql)).split('\n').filter((line) => line !== '');
    return lines.map((line) => line.split('\t'));
  }

  await untilReady(child, 'PostgreSQL', () => canLogIn('postgres', password));
  return {
    port,
    password,
    query,
    canLogIn,
    async liveRoles() {
      const sql =
        "select rolname from pg_roles where rolname like 'v-%' and (rolvaliduntil is null or rolvaliduntil > now())";
      return (await query(sql)).map(([name = '']) => name).sort();
    },
    async stop() {
      // SIGINT: it ends the sessions and stops, where SIGTERM waits for them
      child.signal('SIGINT');
      await child.stop();
    },
  };
}

/** It refuses to run as root. The user of the Debian package will do. */
function otherUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { DialectName } from '../../provider/plan/plan.ts';
import { accepts } from './accepts.ts';
import { type Child, startChild, untilReady } from './child-process.ts';
import { freePort } from './free-port.ts';
import { answers } from './http-json.ts';
import { scratchFolder } from './scratch.ts';

/** Drop-in sockets and the native one. */
export type SocketName = DialectName;

/** A keymount process of a test. */
export interface Keymount {
  readonly child: Child;
  /** The path of `<name>.sock`. */
  socket(name: SocketName): string;
  /** `http://127.0.0.1:PORT` with health and metrics. */
  readonly http: string;
  readonly socketFolder: string;
  readonly stateFolder: string;
  /** Milliseconds from the start of the process until vault.sock accepted connections. */
  readonly startedAfter: number;
  stop(): Promise<void>;
}

export interface KeymountOptions {
  /** Environment variables, such as VAULT_ADDR. PATH is always set, nothing else. */
  env?: Record<string, string>;
  /** More flags of `keymount serve`. */
  args?: string[];
  /** Flags of Node before the program. */
  nodeFlags?: string[];
  /** The program, `provider/main.ts` unless told; the bundle is `dist/keymount.cjs`. */
  program?: string;
  /** Folders of an earlier process, for a restart. */
  socketFolder?: string;
  stateFolder?: string;
}

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** Starts `keymount serve` with sockets and state in scratch folders, and waits until vault.sock accepts connections. */
export async function startKeymount(options: KeymountOptions = {}): Promise<Keymount> {
  const { env = {}, args = [], nodeFlags = [], program = 'provider/main.ts' } = options;
  const folder = scratchFolder('km');
  const socketFolder = options.socketFolder ?? `${folder}/s`;
  const stateFolder = options.stateFolder ?? `${folder}/state`;
  mkdirSync(socketFolder, { recursive: true });
  const address = `127.0.0.1:${await freePort()}`;
  const http = `http://${address}`;
  const start = performance.now();
  const child = await startChild(
    process.execPath,
    [
      ...nodeFlags,
      program,
      'serve',
      '--socket-dir',
      socketFolder,
      '--state-dir',
      stateFolder,
      '--http',
      address,
      ...args,
    ],
    { cwd: repository, env: { PATH: process.env['PATH'] ?? '', ...env } },
  );
  const socket = (name: SocketName) => `${socketFolder}/${name}.sock`;
  await untilReady(child, 'keymount', () => accepts(socket('vault')));
  const startedAfter = performance.now() - start;
  await untilReady(child, 'keymount', () => answers(http));
  return {
    child,
    socket,
    http,
    socketFolder,
    stateFolder,
    startedAfter,
    async stop() {
      await child.stop();
    },
  };
}

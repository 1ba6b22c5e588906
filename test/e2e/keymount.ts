import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { DialectName } from '../../provider/plan/plan.ts';
import { type Child, startChild, untilReady } from '../lab/child-process.ts';
import type { DriverRequest } from '../lab/driver-attributes.ts';
import { freePort } from '../lab/free-port.ts';
import {
  type MountFailure,
  type MountOptions,
  type MountReply,
  openClient,
  type ProviderClient,
} from '../lab/grpc-client.ts';
import { scratchFolder } from '../lab/scratch.ts';
import { Canaries, describeLeaks } from './canaries.ts';

/** keymount as a developer starts it, and as the image does. */
export type Build = 'sources' | 'bundle';
export const builds: readonly Build[] = ['sources', 'bundle'];

const repository = fileURLToPath(new URL('../..', import.meta.url));
const programs: Record<Build, { program: string; nodeFlags: string[] }> = {
  sources: { program: 'provider/main.ts', nodeFlags: [] },
  // the flags of the Dockerfile
  bundle: { program: 'dist/keymount.cjs', nodeFlags: flagsOfTheImage() },
};

/** What the Dockerfile's entry point gives Node between its path and the program's. */
function flagsOfTheImage(): string[] {
  const entryPoint = /^ENTRYPOINT (\[.*\])$/m.exec(readFileSync(join(repository, 'Dockerfile'), 'utf8'))?.[1];
  if (entryPoint === undefined) throw new Error('the Dockerfile has no ENTRYPOINT as a JSON list');
  return (JSON.parse(entryPoint) as string[]).slice(1, -1);
}

/** A suite for each build. */
export function forEachBuild(
  title: string,
  suite: (build: Build) => void,
  options: { skip?: string | false } = {},
): void {
  for (const build of builds) describe(`${title}, from the ${build}`, options, () => suite(build));
}

/** A suite for the build that is shipped, where the other one could not differ and the tests take their time. */
export function forTheBundle(title: string, suite: (build: Build) => void): void {
  describe(`${title}, from the bundle`, () => suite('bundle'));
}

/** The secrets of a test file. When the file ends, everything that keymount wrote or answered is searched for them. */
export const canaries = new Canaries();

const processes: { name: string; child: Child; mayCrash: boolean }[] = [];

after(async () => {
  await Promise.all(processes.map(({ child }) => child.stop()));
  const sound = processes.filter(({ mayCrash }) => !mayCrash);
  const defects = sound.flatMap(({ name, child }) => defectsOf(child.output()).map((line) => `${name}: ${line}`));
  const leaks = canaries.leaks();
  if (leaks.length + defects.length === 0) return;
  // a failing hook of the root fails only what `node --test` runs
  process.exitCode = 1;
  const shown = defects.slice(0, 10).map((line) => line.slice(0, 500));
  throw new Error(`keymount showed secrets or defects\n${describeLeaks(leaks)}\n${shown.join('\n')}`);
});

/** Lines that no test asks for: a crash, an error of no catalogue code, what Node itself complains of. */
function defectsOf(output: string): string[] {
  const lines = output.split('\n');
  return lines.filter((line) => /"event":"crash"|"code":"internal"|\[internal\]|^\(node:\d+\)|Warning: /.test(line));
}

export interface KeymountOptions {
  /** `sources` unless told. */
  build?: Build;
  /** Environment variables, such as VAULT_ADDR, besides PATH and a VAULT_TOKEN that must not be used. */
  env?: Record<string, string>;
  /** More flags of `keymount serve`. */
  args?: string[];
  /** Folders of another process; unless told they are new. */
  socketFolder?: string;
  stateFolder?: string;
}

/** A running `keymount serve`. */
export interface Keymount {
  readonly build: Build;
  readonly child: Child;
  readonly socketFolder: string;
  readonly stateFolder: string;
  /** `http://127.0.0.1:PORT` with health and metrics. */
  readonly http: string;
  /** The path of `<name>.sock`. */
  socket(name: DialectName): string;
  /** One Mount over a kept connection, as the driver has one. */
  mount(name: DialectName, request: DriverRequest, options?: MountOptions): Promise<MountReply | MountFailure>;
  client(name: DialectName): ProviderClient;
  /** Text of `/metrics` and the like. */
  get(path: string): Promise<{ status: number; body: string }>;
  /** A sample of `/metrics` by its name with its labels; undefined if there is none. */
  metric(sample: string): Promise<number | undefined>;
  /** The log so far, an object a line. */
  log(): LogLine[];
  /** Stops it with SIGTERM, and gives its exit code or the signal's name. */
  stop(): Promise<number | NodeJS.Signals>;
}

export type LogLine = Record<string, unknown>;

/** Starts `keymount serve` and waits until it is ready. */
export async function startKeymount(options: KeymountOptions = {}): Promise<Keymount> {
  const { build = 'sources', socketFolder = scratchFolder('s'), stateFolder = scratchFolder('state') } = options;
  const address = `127.0.0.1:${await freePort()}`;
  const http = `http://${address}`;
  const flags = ['--socket-dir', socketFolder, '--state-dir', stateFolder, '--http', address];
  const child = await spawnKeymount(build, ['serve', ...flags, ...(options.args ?? [])], options);
  await untilReady(child, 'keymount', () => isReady(http));
  const socket = (name: DialectName) => `${socketFolder}/${name}.sock`;
  const clients = new Map<DialectName, ProviderClient>();
  const client = (name: DialectName) => {
    const known = clients.get(name) ?? collecting(openClient(socket(name)));
    clients.set(name, known);
    return known;
  };
  const get = async (path: string) => await textOf(http + path);
  return {
    ...{ build, child, socketFolder, stateFolder, http, socket, client, get },
    mount: (name, { attributes, secrets }, more = {}) => client(name).mount(attributes, { secrets, ...more }),
    async metric(sample) {
      const { body } = await get('/metrics');
      const line = body.split('\n').find((each) => each.startsWith(`${sample} `));
      return line === undefined ? undefined : Number(line.slice(sample.length + 1));
    },
    log: () => logOf(child),
    async stop() {
      // one that has just crashed has no metrics any more
      const metrics = await get('/metrics').catch(() => undefined);
      if (metrics !== undefined) canaries.collect(`metrics of keymount ${child.pid}`, metrics.body);
      for (const each of clients.values()) each.close();
      return await child.stop();
    },
  };
}

async function textOf(url: string): Promise<{ status: number; body: string }> {
  // a kept connection would be used again for the next process on this port, or hold up the end of this one
  const response = await fetch(url, { headers: { connection: 'close' } });
  return { status: response.status, body: await response.text() };
}

async function isReady(http: string): Promise<boolean> {
  try {
    return (await textOf(`${http}/readyz`)).status === 200;
  } catch {
    return false;
  }
}

/** Names of the provider sockets in a folder, sorted. */
export function socketsIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => !name.startsWith('.'))
    .sort();
}

/** Runs `keymount ARGS` to its end. */
export async function runKeymount(
  build: Build,
  args: string[],
  options: { env?: Record<string, string> } = {},
): Promise<{ code: number | NodeJS.Signals; output: string }> {
  const child = await spawnKeymount(build, args, options);
  const code = await child.ended;
  return { code, output: child.output() };
}

/** Starts `keymount ARGS` and waits for nothing. `mayCrash`: the test makes it crash. */
export async function spawnKeymount(
  build: Build,
  args: string[],
  options: { env?: Record<string, string>; mayCrash?: boolean } = {},
): Promise<Child> {
  if (build === 'bundle') checkBundle();
  const { program, nodeFlags } = programs[build];
  const env = { PATH: process.env['PATH'] ?? '', ...forbiddenTokens(), ...options.env };
  const child = await startChild(process.execPath, [...nodeFlags, program, ...args], { cwd: repository, env });
  register(`keymount ${args[0]} ${child.pid} (${build})`, child, options.mayCrash ?? false);
  return child;
}

function register(name: string, child: Child, mayCrash: boolean): void {
  processes.push({ name, child, mayCrash });
  canaries.collect(`output of ${name}`, () => child.output());
}

/** The peers give every pod the token that they find in their environment. */
function forbiddenTokens(): Record<string, string> {
  return {
    VAULT_TOKEN: canaries.plantToken('the VAULT_TOKEN of the environment', 'hvs.'),
    BAO_TOKEN: canaries.plantToken('the BAO_TOKEN of the environment', 's.'),
  };
}

/** What the driver is told is shown to many: messages in events, versions in status objects. */
function collecting(client: ProviderClient): ProviderClient {
  return {
    ...client,
    async mount(attributes, options) {
      const outcome = await client.mount(attributes, options);
      const told = 'code' in outcome ? outcome.message : JSON.stringify([outcome.versions, outcome.errorCode]);
      canaries.collect('answer to the driver', told);
      return outcome;
    },
  };
}

export function logOf(child: Child): LogLine[] {
  const lines = child.output().split('\n');
  return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as LogLine);
}

let checked = false;

/** An old bundle would be tested in silence. */
function checkBundle(): void {
  if (checked) return;
  checked = true;
  const bundle = join(repository, programs.bundle.program);
  const built = statSync(bundle, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const newer = readdirSync(join(repository, 'provider'), { recursive: true, withFileTypes: true }).find(
    (entry) => entry.isFile() && statSync(join(entry.parentPath, entry.name)).mtimeMs > built,
  );
  if (newer !== undefined) throw new Error(`${bundle} is missing or older than ${newer.name}: run npm run build`);
}

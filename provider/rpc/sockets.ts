import { chmodSync, lstatSync, readdirSync, renameSync, rmSync, type Stats } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { KeymountError } from '../errors.ts';
import type { Clock } from '../util/clock.ts';
import { runtimeName } from './version.ts';

/** Linux keeps 108 bytes for the path of a Unix socket, the last one a NUL. */
const longestPath = 107;

/** Where a dialect's socket is bound first, and where it then lies for the driver. */
export interface SocketPaths {
  readonly bound: string;
  readonly final: string;
}

/**
 * `unique` tells processes apart: in a container every keymount has the pid 1, and an old one and a new one share the directory
 * for a moment.
 */
export function socketPaths(dir: string, name: string, unique: string): SocketPaths {
  const paths = { bound: join(dir, `.${name}.${unique}.sock`), final: join(dir, `${name}.sock`) };
  if (Buffer.byteLength(paths.bound) <= longestPath) return paths;
  throw new KeymountError('settings-invalid', `the socket path ${paths.bound} is longer than ${longestPath} bytes`, {
    hint: 'choose a shorter --socket-dir',
  });
}

/**
 * Refuses to take a socket on which another provider answers (the Go DaemonSet is still installed), unless `takeover`. A socket
 * that nobody answers on is left over from a kill; another keymount is the one that this one replaces.
 */
export async function checkFree(final: string, takeover: boolean, clock: Clock): Promise<void> {
  const runtime = takeover ? checkPlace(final) : await occupantOf(final, clock);
  if (runtime !== undefined) throw takenError(final, runtime);
}

export function takenError(final: string, runtime: string): KeymountError {
  return new KeymountError('socket-taken', `another provider answers on ${final}: ${runtime}`, {
    hint: 'uninstall its DaemonSet first, or start keymount with --takeover',
  });
}

/** The name of another provider that answers on a socket; undefined: nobody does, or another keymount. */
export async function occupantOf(final: string, clock: Clock): Promise<string | undefined> {
  checkPlace(final);
  const stats = statOf(final);
  const runtime = stats === undefined || stats.isFile() ? undefined : await whoAnswers(final, clock);
  return runtime === runtimeName ? undefined : runtime;
}

function checkPlace(final: string): undefined {
  if (statOf(final)?.isDirectory() !== true) return;
  throw new KeymountError('socket-taken', `${final} is a directory`, {
    hint: 'remove it, it is in the way of the socket',
  });
}

/** Does anybody take connections there? Undefined: that cannot be told. */
export async function isAnswered(path: string): Promise<boolean | undefined> {
  const error = await knock(path);
  if (error === 'EACCES' || error === 'EPERM') return undefined;
  return error === undefined;
}

/** Removes what processes left behind that were killed between binding a socket and putting it into its place. */
export async function sweep(dir: string, name: string): Promise<void> {
  const [start, end] = [`.${name}.`, '.sock'];
  const left = readdirSync(dir).filter(
    (file) => file.startsWith(start) && file.endsWith(end) && /^[0-9a-f]+$/.test(file.slice(start.length, -end.length)),
  );
  for (const file of left)
    if ((await knock(join(dir, file))) === 'ECONNREFUSED') rmSync(join(dir, file), { force: true });
}

/**
 * Puts a bound socket into its place. By renaming, because libuv unlinks by path on close: an old process that bound the final
 * name would remove the new one's socket when it ends.
 */
export function publish({ bound, final }: SocketPaths): Stats {
  // The driver is root; nobody else on the node has to reach the socket.
  chmodSync(bound, 0o600);
  renameSync(bound, final);
  return lstatSync(final);
}

/** Removes a socket if it is still the one that was published. */
export function withdraw({ final }: SocketPaths, published: Stats): void {
  const now = statOf(final);
  if (now !== undefined && now.ino === published.ino && now.dev === published.dev) rmSync(final, { force: true });
}

export function isGone(path: string): boolean {
  return statOf(path) === undefined;
}

function statOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

/** The name that the provider on a socket gives itself; undefined if nobody is there. */
async function whoAnswers(path: string, clock: Clock): Promise<string | undefined> {
  const error = await knock(path);
  // Root without CAP_DAC_OVERRIDE may not connect to everybody's socket: that is no sign that nobody answers there.
  if (error === 'EACCES' || error === 'EPERM') return 'a server that may not be asked';
  if (error !== undefined) return undefined;
  // gRPC is loaded where there is somebody to ask.
  return await (await import('./ask-runtime.ts')).askRuntime(path, clock);
}

/** Connects and hangs up. The system's error code, undefined where somebody took the connection. */
function knock(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown error'));
  });
}

import { chmodSync, lstatSync, renameSync, rmSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { KeymountError } from '../errors.ts';
import type { Clock } from '../util/clock.ts';
import { loadProto } from './proto.ts';
import { runtimeName } from './version.ts';

/** Linux keeps 108 bytes for the path of a Unix socket, the last one a NUL. */
const longestPath = 107;

/** Where a dialect's socket is bound first, and where it then lies for the driver. */
export interface SocketPaths {
  readonly bound: string;
  readonly final: string;
}

export function socketPaths(dir: string, name: string, pid: number): SocketPaths {
  const paths = { bound: join(dir, `.${name}.${pid}.sock`), final: join(dir, `${name}.sock`) };
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
  const stats = statOf(final);
  if (stats === undefined || takeover) return;
  if (stats.isDirectory()) {
    throw new KeymountError('socket-taken', `${final} is a directory`, {
      hint: 'remove it, it is in the way of the socket',
    });
  }
  const runtime = stats.isFile() ? undefined : await askRuntime(final, clock);
  if (runtime === undefined || runtime === runtimeName) return;
  throw new KeymountError('socket-taken', `another provider answers on ${final}: ${runtime}`, {
    hint: 'uninstall its DaemonSet first, or start keymount with --takeover',
  });
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

function statOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

/** The name that the provider on a socket gives itself; undefined if none answers within a second. */
function askRuntime(path: string, clock: Clock): Promise<string | undefined> {
  const Client = loadProto();
  const client = new Client(`unix:${path}`, credentials.createInsecure(), { 'grpc.default_authority': 'localhost' });
  return new Promise((resolve) => {
    client.version({ version: 'v1alpha1' }, { deadline: new Date(clock.now() + 1000) }, (error, reply) => {
      client.close();
      // Something listens but speaks otherwise: somebody else's all the same.
      if (error === null) resolve(reply?.runtimeName ?? 'a provider without a name');
      else resolve(error.code === 12 ? 'a gRPC server that is no provider' : undefined);
    });
  });
}

import { mkdirSync, type Stats } from 'node:fs';
import { logVerbosity, Server, ServerCredentials, setLogVerbosity } from '@grpc/grpc-js';
import { KeymountError } from '../errors.ts';
import type { DialectName } from '../plan/plan.ts';
import type { Clock } from '../util/clock.ts';
import { encodeOnce } from './encode.ts';
import type { CSIDriverProviderHandlers } from './gen/v1alpha1/CSIDriverProvider.ts';
import { loadProto } from './proto.ts';
import { checkFree, isGone, publish, type SocketPaths, socketPaths, sweep, withdraw } from './sockets.ts';

export interface SocketOptions {
  readonly socketDir: string;
  readonly dialects: readonly DialectName[];
  readonly takeover: boolean;
  /** Tells this process from others that share the directory. */
  readonly unique: string;
  readonly clock: Clock;
}

export interface ServerOptions {
  readonly dialects: readonly DialectName[];
  readonly clock: Clock;
  readonly handlersOf: (dialect: DialectName) => CSIDriverProviderHandlers;
  /** A stop has waited long enough: what is in flight should be answered now. */
  readonly onDrainTimeout: () => void;
}

interface Listening {
  readonly dialect: DialectName;
  readonly server: Server;
  readonly paths: SocketPaths;
  published: Stats;
}

/** Milliseconds for the last answers after the drain timeout. */
const lastAnswers = 500;

/** The sockets of all enabled dialects in one process. */
export interface RpcServer {
  readonly sockets: readonly string[];
  /**
   * Makes anew the sockets that are gone, and says which: a provider that was taken over removes what lies under its name when it
   * ends at last.
   */
  readonly restore: () => Promise<string[]>;
  /** Takes the sockets away, lets Mounts in flight end for at most `timeout` ms, then gives them up. */
  readonly drain: (timeout: number) => Promise<void>;
}

/** Makes room for the sockets. Throws `socket-taken` and `settings-invalid`; then nothing was changed for anybody else. */
export async function prepareSockets(options: SocketOptions): Promise<SocketPaths[]> {
  const { socketDir, dialects, takeover, unique, clock } = options;
  makeDirectory(socketDir);
  const paths = dialects.map((dialect) => socketPaths(socketDir, dialect, unique));
  await Promise.all(dialects.map((dialect) => sweep(socketDir, dialect)));
  await Promise.all(paths.map(({ final }) => checkFree(final, takeover, clock)));
  return paths;
}

/** Serves on the prepared sockets. Throws `settings-invalid`; then nothing is left behind. */
export async function startServer(paths: readonly SocketPaths[], options: ServerOptions): Promise<RpcServer> {
  const { dialects, clock } = options;
  // It writes to stderr by itself, in a form of its own.
  setLogVerbosity(logVerbosity.NONE);
  const listening: Listening[] = [];
  const drain = async (timeout: number) => {
    for (const { paths: path, published } of listening) withdraw(path, published);
    const ended = Promise.all(listening.map(({ server }) => endOf(server)));
    if (!(await comesWithin(timeout, ended, clock))) {
      options.onDrainTimeout();
      await comesWithin(lastAnswers, ended, clock);
    }
    for (const { server } of listening) server.forceShutdown();
  };
  try {
    for (const [index, dialect] of dialects.entries()) {
      const path = paths[index] as SocketPaths;
      const server = await listen(path.bound, options.handlersOf(dialect));
      try {
        listening.push({ dialect, server, paths: path, published: publish(path) });
      } catch (error) {
        // A server that goes on listening would keep the process alive.
        server.forceShutdown();
        throw error;
      }
    }
  } catch (error) {
    await drain(0);
    throw error;
  }
  const restore = async () => {
    const gone = listening.filter(({ paths: { final } }) => isGone(final));
    for (const each of gone) await listenAgain(each, options);
    return gone.map(({ paths: { final } }) => final);
  };
  return { sockets: paths.map(({ final }) => final), restore, drain };
}

/** Connections to the old socket go on; it only has no name any more. */
async function listenAgain(each: Listening, { handlersOf }: ServerOptions): Promise<void> {
  const { server, paths, dialect } = each;
  // Closing the old server removes the path that it was bound to.
  const again = { ...paths, bound: paths.bound.replace(/\.sock$/, 'x.sock') };
  const fresh = await listen(again.bound, handlersOf(dialect));
  Object.assign(each, { server: fresh, paths: again, published: publish(again) });
  server.tryShutdown(() => {});
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw new KeymountError('settings-invalid', `the socket directory ${path} cannot be made`, {
      reason: (error as NodeJS.ErrnoException).code,
      hint: 'create it for the user that keymount runs as, or choose another --socket-dir',
    });
  }
}

function listen(path: string, handlers: CSIDriverProviderHandlers): Promise<Server> {
  // The driver bounds what it receives; a request of ours is bounded by grpc-js's 4 MiB default.
  const server = new Server({ 'grpc.max_send_message_length': -1, 'grpc.enable_channelz': 0 });
  server.addService(encodeOnce(loadProto().service), handlers);
  return new Promise((resolve, reject) => {
    server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) => {
      if (error === null) resolve(server);
      else
        reject(
          new KeymountError('settings-invalid', `no socket can be made at ${path}`, {
            // grpc-js puts the system's errors into one text: `…errors: [listen EACCES: permission denied /path]`.
            reason: /\blisten (E[A-Z]+)/.exec(error.message)?.[1] ?? error.message.slice(0, 200),
            hint: 'keymount must be able to write in its --socket-dir',
          }),
        );
    });
  });
}

/** No new calls from now on; settles when those in flight have been answered. */
function endOf(server: Server): Promise<void> {
  return new Promise((resolve) => server.tryShutdown(() => resolve()));
}

async function comesWithin(timeout: number, event: Promise<unknown>, clock: Clock): Promise<boolean> {
  const came = new AbortController();
  const patience = clock.sleep(timeout, came.signal).then(
    () => false,
    () => true,
  );
  const abort = () => came.abort();
  event.then(abort, abort);
  return await patience;
}

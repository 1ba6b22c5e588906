import type { Stats } from 'node:fs';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { join } from 'node:path';
import { KeymountError } from '../errors.ts';
import { publish, socketPaths, sweep, withdraw } from './sockets.ts';

/**
 * The socket by which keymount talks to itself: `keymount status`, and a newer process that takes the state directory over. It
 * lies hidden beside the provider sockets, for keymount's own user and root.
 */
const adminName = '.keymount-admin';

export function adminPath(socketDir: string): string {
  return join(socketDir, `${adminName}.sock`);
}

export interface AdminServer {
  readonly close: () => Promise<void>;
}

export interface AdminOptions {
  readonly socketDir: string;
  readonly unique: string;
  /** Counts, ages and addresses; never a value. */
  readonly status: () => object;
  /** A newer process wants the state directory: resolves when this one has let go of it. */
  readonly handOver: () => Promise<void>;
}

export async function startAdmin({ socketDir, unique, status, handOver }: AdminOptions): Promise<AdminServer> {
  await sweep(socketDir, adminName);
  const paths = { ...socketPaths(socketDir, adminName, unique), final: adminPath(socketDir) };
  const server = createServer((call, response) => {
    const answer = (code: number, body: object) => {
      response.writeHead(code, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    // Thrown out of this function, a failure would end the process.
    response.on('error', () => {});
    if (call.method === 'GET' && call.url === '/status') answer(...statusOf(status));
    else if (call.method === 'POST' && call.url === '/hand-over') {
      handOver().then(
        () => answer(200, {}),
        () => answer(500, {}),
      );
    } else answer(404, {});
  });
  await listen(server, paths.bound);
  // Such as EMFILE for a connection that cannot be accepted.
  server.on('error', () => {});
  const published: Stats = publish(paths);
  return {
    close() {
      withdraw(paths, published);
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function statusOf(status: AdminOptions['status']): [number, object] {
  try {
    return [200, status()];
  } catch {
    return [500, {}];
  }
}

/** Milliseconds that another keymount gets to answer. */
const patience = 15_000;

/** Asks the keymount that serves now: its answer's text, or why there is none, as `ECONNREFUSED` or `HTTP 404`. */
export function askAdmin(
  socketDir: string,
  method: 'GET' | 'POST',
  path: string,
): Promise<{ text: string } | { code: string }> {
  return new Promise((resolve) => {
    const call = request(
      { socketPath: adminPath(socketDir), method, path, timeout: patience },
      (response: IncomingMessage) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          if (response.statusCode === 200) resolve({ text: Buffer.concat(chunks).toString() });
          else resolve({ code: `HTTP ${response.statusCode}` });
        });
        response.on('error', () => resolve({ code: 'ECONNRESET' }));
      },
    );
    call.on('timeout', () => call.destroy());
    call.on('error', (error: NodeJS.ErrnoException) => resolve({ code: error.code ?? 'ETIMEDOUT' }));
    call.end();
  });
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(new KeymountError('settings-invalid', `no socket can be made at ${path}`, { reason: error.code }));
    });
    server.listen(path, resolve);
  });
}

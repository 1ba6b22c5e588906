import type { Stats } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { KeymountError } from '../errors.ts';
import { publish, socketPaths, sweep, withdraw } from './sockets.ts';

/** The socket of `keymount status`, `admin.sock` in the state directory, which only root and keymount's own user can enter. */
export const adminSocket = 'admin';

export interface AdminServer {
  readonly close: () => Promise<void>;
}

/** Answers `GET /status` with what `status` gives: counts, ages and addresses, never a value. A newer process takes it over. */
export async function startAdmin(stateDir: string, unique: string, status: () => object): Promise<AdminServer> {
  await sweep(stateDir, adminSocket);
  const paths = socketPaths(stateDir, adminSocket, unique);
  const server = createServer((request, response) => {
    const known = request.method === 'GET' && request.url === '/status';
    response.writeHead(known ? 200 : 404, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(known ? status() : {}));
  });
  await listen(server, paths.bound);
  const published: Stats = publish(paths);
  return {
    close() {
      withdraw(paths, published);
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(new KeymountError('settings-invalid', `no socket can be made at ${path}`, { reason: error.code }));
    });
    server.listen(path, resolve);
  });
}

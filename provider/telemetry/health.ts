import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KeymountError, oneLine } from '../errors.ts';
import { parseListenAddress } from '../settings/address.ts';

export interface HealthOptions {
  /** `host:port`; port 0 lets the system choose. */
  readonly address: string;
  /** Undefined: ready. Otherwise one line on why not; it is shown to whoever asks. */
  readonly ready: () => string | undefined;
  readonly metrics: { readonly contentType: string; readonly text: () => Promise<string> };
}

export interface Health {
  readonly port: number;
  /** Ends open connections as well. */
  readonly close: () => Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly type?: string;
  readonly body: string;
}

/**
 * Answers `/livez` (the event loop turns), `/readyz` (200, or 503 with the reason) and `/metrics` over plain HTTP. Throws
 * `settings-invalid` when it cannot listen.
 */
export async function startHealth(options: HealthOptions): Promise<Health> {
  const address = parseListenAddress(options.address);
  if (address === undefined)
    throw new KeymountError('settings-invalid', 'the address for health and metrics is not host:port');
  const server = createServer((request, response) => {
    // Nothing rejects here: both take every failure as an answer.
    void answer(request, options).then((reply) => send(request, response, reply));
  });
  server.maxConnections = 64;
  server.headersTimeout = 5000;
  server.requestTimeout = 10_000;
  server.on('clientError', (_error, socket) => socket.destroy());
  await listen(server, address, options.address);
  server.on('error', () => {});
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(
  server: Server,
  { host, port }: { host: string | undefined; port: number },
  shown: string,
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const facts = { reason: cause.code, hint: 'choose another address with --http', cause };
      reject(new KeymountError('settings-invalid', `cannot listen on ${shown} for health and metrics`, facts));
    });
    server.listen({ port, ...(host === undefined ? {} : { host }) }, resolve);
  });
}

async function answer({ method, url }: IncomingMessage, { ready, metrics }: HealthOptions): Promise<Answer> {
  if (method !== 'GET' && method !== 'HEAD') return { status: 405, body: 'only GET and HEAD\n' };
  try {
    switch (url?.split('?', 1)[0]) {
      case '/livez':
        return { status: 200, body: 'ok\n' };
      case '/readyz': {
        const reason = ready();
        return reason === undefined ? { status: 200, body: 'ok\n' } : { status: 503, body: `${oneLine(reason)}\n` };
      }
      case '/metrics':
        return { status: 200, type: metrics.contentType, body: await metrics.text() };
      default:
        return { status: 404, body: '/livez, /readyz or /metrics\n' };
    }
  } catch {
    return { status: 500, body: 'internal error\n' };
  }
}

function send(request: IncomingMessage, response: ServerResponse, { status, type, body }: Answer): void {
  response.on('error', () => {});
  try {
    response.writeHead(status, {
      'content-type': type ?? 'text/plain; charset=utf-8',
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      ...(status === 405 ? { allow: 'GET, HEAD' } : {}),
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  } catch {
    response.destroy();
  }
}

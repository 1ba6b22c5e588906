import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KeymountError } from '../errors.ts';
import { parseListenAddress } from '../settings/address.ts';
import { after, type Clock } from '../util/clock.ts';
import { Connections } from './connections.ts';

export interface ListenerOptions {
  readonly clock: Clock;
  /** `host:port`; port 0 lets the system choose. */
  readonly address: string;
  /** The setting that has the address, for errors. */
  readonly setting: string;
  /** What is served, for errors: `health and metrics`. */
  readonly purpose: string;
  /** The answer to the path of a GET or HEAD, without its query. What it throws is shown to nobody. */
  readonly answer: (path: string) => Answer | Promise<Answer>;
}

export interface Answer {
  readonly status: number;
  /** Content type; plain text where it is left out. */
  readonly type?: string;
  readonly body: string | Buffer;
}

export interface Listener {
  readonly port: number;
  /** Connections that are open now. */
  readonly connections: number;
  /** Ends open connections as well. */
  readonly close: () => Promise<void>;
}

/** A probe's whole request is a few hundred bytes in one packet; the kubelet sends it at once. */
const requestTimeout = 3_000;
/** Milliseconds from the request to the last byte of its answer. Prometheus gives a scrape 10 s unless told otherwise. */
const answerTimeout = 10_000;
/** More than half-open connections that come while a probe's packet is on its way; each costs some 10 KB. */
const bounds = { waiting: 256, answering: 32 };

/**
 * A plain HTTP server for whoever reaches the port: one request a connection, no bodies, and every wait is bounded. Throws
 * `settings-invalid` when it cannot listen.
 */
export async function startListener(options: ListenerOptions): Promise<Listener> {
  const { setting, purpose } = options;
  const address = parseListenAddress(options.address);
  if (address === undefined) throw new KeymountError('settings-invalid', `the address for ${purpose} is not host:port`);
  const connections = new Connections(bounds);
  const server = createServer({
    // How often Node looks at the two time-outs: every 30 s by default.
    connectionsCheckingInterval: 1_000,
    headersTimeout: requestTimeout,
    requestTimeout,
    maxHeaderSize: 8_192,
  });
  server.on('connection', (socket) => connections.opened(socket));
  // The last two are for requests with an Expect header, which Node answers itself, and keeps, where nobody listens.
  for (const event of ['request', 'checkContinue', 'checkExpectation']) {
    server.on(event, (request: IncomingMessage, response: ServerResponse) => {
      // A second request of a connection gets no answer: the first answer ends it.
      if (connections.asked(request.socket)) respond(request, response, options);
    });
  }
  server.on('clientError', (_error, socket) => socket.destroy());
  await listen(server, address, `cannot listen on ${options.address} for ${purpose}`, setting);
  server.on('error', () => {});
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections.size;
    },
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
  failure: string,
  setting: string,
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const facts = { reason: cause.code, hint: `choose another address with --${setting}`, cause };
      reject(new KeymountError('settings-invalid', failure, facts));
    });
    server.listen({ port, ...(host === undefined ? {} : { host }) }, resolve);
  });
}

function respond(request: IncomingMessage, response: ServerResponse, { clock, answer }: ListenerOptions): void {
  const { socket } = request;
  // A reader that does not read is cut off; that the response ended says nothing of its bytes.
  const cancel = after(clock, answerTimeout, () => socket.destroy());
  socket.once('close', cancel);
  response.on('error', () => {});
  const path = request.url?.split('?', 1)[0] ?? '';
  reply(request.method, path, answer).then(
    (chosen) => send(request, response, chosen),
    () => send(request, response, { status: 500, body: 'internal error\n' }),
  );
}

async function reply(method: string | undefined, path: string, answer: ListenerOptions['answer']): Promise<Answer> {
  if (method !== 'GET' && method !== 'HEAD') return { status: 405, body: 'only GET and HEAD\n' };
  return await answer(path);
}

function send({ method, socket }: IncomingMessage, response: ServerResponse, { status, type, body }: Answer): void {
  try {
    response.writeHead(status, {
      'content-type': type ?? 'text/plain; charset=utf-8',
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      connection: 'close',
      ...(status === 405 ? { allow: 'GET, HEAD' } : {}),
    });
    response.end(method === 'HEAD' ? undefined : body);
  } catch {
    socket.destroy();
  }
}

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** A request as it came. */
export interface FakeRequest {
  method: string;
  /** With its query. */
  path: string;
  token: string | undefined;
  body: string;
  /** Did the client go away before it had the answer? */
  aborted: boolean;
}

export type Respond = (response: ServerResponse, request: IncomingMessage) => void;

/** A server that answers like Vault where it is not told otherwise. */
export interface FakeVault {
  readonly address: string;
  /** All requests since the last `reset`. */
  requests(): readonly FakeRequest[];
  /** Answers `METHOD /v1/path` otherwise from now on. */
  on(call: string, respond: Respond): void;
  /** As it was at the start. */
  reset(): void;
  close(): Promise<void>;
}

export const loginCall = 'POST /v1/auth/kubernetes/login';
export const secretCall = 'GET /v1/secret/data/app';
/** What a class reads here: `password` of this secret. */
export const secretPath = 'secret/data/app';

/** `token` is what a login gives, `password` what the secret has. */
export async function startFakeVault(token: string, password: string): Promise<FakeVault> {
  const usual: Record<string, Respond> = {
    [loginCall]: json({ auth: { client_token: token, lease_duration: 3600, renewable: true } }),
    [secretCall]: json({ data: { data: { password }, metadata: { version: 1 } } }),
  };
  let special: Record<string, Respond> = {};
  const requests: FakeRequest[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((incoming, response) => {
    const { method = '', url = '' } = incoming;
    const request: FakeRequest = { method, path: url, token: header(incoming), body: '', aborted: false };
    requests.push(request);
    incoming.on('data', (chunk: Buffer) => (request.body += chunk.toString('utf8')));
    response.on('close', () => (request.aborted = !response.writableFinished));
    const call = `${method} ${url.split('?')[0]}`;
    incoming.on('end', () => (special[call] ?? usual[call] ?? notFound)(response, incoming));
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: () => requests,
    on(call, respond) {
      special[call] = respond;
    },
    reset() {
      special = {};
      requests.length = 0;
    },
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

/** JSON with a status, 200 unless told. */
export function json(body: unknown, status = 200): Respond {
  return text(JSON.stringify(body), 'application/json', status);
}

export function text(body: string, type = 'application/json', status = 200): Respond {
  return (response) => void response.writeHead(status, { 'content-type': type }).end(body);
}

/** Takes the request and never answers. */
export const hang: Respond = () => {};

const notFound: Respond = json({ errors: [] }, 404);

function header({ headers }: IncomingMessage): string | undefined {
  const value = headers['x-vault-token'];
  return typeof value === 'string' ? value : undefined;
}

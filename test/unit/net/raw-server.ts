import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

/** A server that says exactly what a test wants, HTTP or not. */
export interface RawServer {
  readonly port: number;
  /** Heads of the requests that came, in order. */
  readonly requests: string[];
  connections(): number;
  close(): Promise<void>;
}

/** `answer` gets each request's head and the connection; what it returns is written as it is. */
export async function startRawServer(
  answer: (head: string, socket: Socket) => string | Buffer | undefined,
): Promise<RawServer> {
  const sockets = new Set<Socket>();
  const requests: string[] = [];
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      const head = chunk.toString('latin1').split('\r\n\r\n')[0] ?? '';
      requests.push(head);
      const bytes = answer(head, socket);
      if (bytes !== undefined) socket.write(bytes);
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    connections: () => connections,
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

/** A whole HTTP reply. */
export function httpReply(status: number, body: string, headers: Record<string, string> = {}): string {
  const all = { 'Content-Length': String(Buffer.byteLength(body)), ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} X\r\n${lines.join('')}\r\n${body}`;
}

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createPlain } from 'node:http';
import { createSecureServer, type SecureServerOptions } from 'node:http2';
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { Worker } from 'node:worker_threads';
import { scratchFolder } from '../lab/scratch.ts';
import type { Certificate } from '../unit/net/certificates.ts';
import { startDns } from './dns.ts';
import { byGo, byKeymount, type Order, type Seen } from './tls-clients.ts';

export interface Pair {
  readonly go: string;
  readonly ours: string;
}

export class TlsLab {
  readonly folder = scratchFolder('tls-page');
  readonly #open: (() => void)[] = [];
  #files = 0;

  /** A file of the lab with this text. */
  file(text: string): string {
    const path = join(this.folder, `${++this.#files}.pem`);
    writeFileSync(path, text);
    return path;
  }

  /** An HTTPS server on 127.0.0.1 that takes HTTP/2 as well; its port. */
  async serve(
    own: Certificate,
    chain: readonly Certificate[] = [],
    options: SecureServerOptions = {},
  ): Promise<number> {
    const cert = [own, ...chain].map((each) => each.cert).join('');
    const secure = { cert, key: own.key, allowHTTP1: true, ciphers: 'DEFAULT@SECLEVEL=0', ...options };
    let connections = 0;
    const server = createSecureServer(secure, (request, response) => {
      const { servername, alpnProtocol } = (request.stream?.session?.socket ?? request.socket) as TLSSocket;
      const seen: Seen = {
        http: request.httpVersion,
        sni: servername || null,
        alpn: alpnProtocol || null,
        connections,
        encodings: String(request.headers['accept-encoding'] ?? '') || null,
      };
      if (request.url === '/redirect') response.writeHead(302, { location: '/' });
      response.end(JSON.stringify(seen));
    });
    server.on('secureConnection', () => connections++);
    server.on('tlsClientError', () => {});
    server.on('sessionError', () => {});
    return await this.#listen(server as unknown as Server);
  }

  /** A proxy that leads every CONNECT, and every plain request, to the server at this port. */
  async proxy(port: number): Promise<{ url: string; used: () => number }> {
    let used = 0;
    const answer = (_request: IncomingMessage, response: ServerResponse) => {
      used++;
      response.end(JSON.stringify({ http: '1.1', sni: null, alpn: null, connections: 1, encodings: null }));
    };
    const proxy = createPlain(answer);
    proxy.on('connect', (_request, socket: Socket) => {
      used++;
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      this.#lead(socket, port);
    });
    const own = await this.#listen(proxy);
    return { url: `http://127.0.0.1:${own}`, used: () => used };
  }

  /** A SOCKS5 proxy (RFC 1928) without a password, likewise. */
  async socks(port: number): Promise<string> {
    const proxy = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => {
        socket.write(Buffer.from([5, 0]));
        socket.once('data', () => {
          socket.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
          this.#lead(socket, port);
        });
      });
    });
    return `socks5://127.0.0.1:${await this.#listen(proxy)}`;
  }

  /** Makes the port at this address one that never answers: a listener that never accepts, with a full queue. */
  async silence(host: string, port: number): Promise<void> {
    const program = `const { workerData, parentPort } = require('node:worker_threads');
      require('node:net').createServer().listen({ ...workerData, backlog: 1 }, () => {
        parentPort.postMessage('listening');
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
      });`;
    const worker = new Worker(program, { eval: true, workerData: { host, port } });
    await once(worker, 'message');
    const sockets = Array.from({ length: 4 }, () => createConnection({ host, port }).on('error', () => {}));
    await Promise.all(sockets.slice(0, 2).map((socket) => once(socket, 'connect')));
    this.#open.push(() => {
      for (const socket of sockets) socket.destroy();
      worker.terminate().catch(() => {});
    });
  }

  async both(order: Order): Promise<Pair> {
    const ca = order.ca === undefined ? undefined : this.file(order.ca);
    const dns = order.hosts === undefined ? undefined : await startDns(order.hosts);
    if (dns !== undefined) this.#open.push(dns.close);
    return { go: await byGo(order, ca, dns?.address), ours: await byKeymount(order, ca) };
  }

  close(): void {
    for (const end of this.#open) end();
  }

  #lead(socket: Socket, port: number): void {
    const other = createConnection({ host: '127.0.0.1', port });
    for (const each of [socket, other]) each.on('error', () => each.destroy());
    socket.pipe(other).pipe(socket);
  }

  async #listen(server: Server): Promise<number> {
    const sockets = new Set<Socket>();
    server.on('connection', (socket: Socket) => sockets.add(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.#open.push(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    return (server.address() as AddressInfo).port;
  }
}

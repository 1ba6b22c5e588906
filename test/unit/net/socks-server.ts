import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

export interface SocksServer {
  readonly port: number;
  /** What was asked for: `name vault.example:8200`, `ipv4 10.0.0.1:80`, with ` as user:password` where somebody logged in. */
  readonly asked: string[];
}

export interface SocksOptions {
  /** Where every connection leads. */
  readonly to: number;
  /** Wanted, if set. */
  readonly login?: string;
  /** RFC 1928's reply: 0 for success. */
  readonly code?: number;
  /** Sent behind the reply. */
  readonly more?: string;
}

/** A SOCKS 5 server as of RFC 1928 and RFC 1929. */
export async function socksServer(t: TestContext, options: SocksOptions): Promise<SocksServer> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    serve(socket, options, asked).catch(() => socket.destroy());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { port: (server.address() as AddressInfo).port, asked };
}

async function serve(socket: Socket, { to, login, code = 0, more = '' }: SocksOptions, asked: string[]): Promise<void> {
  const methods = [...(await take(socket, (await take(socket, 2))[1] ?? 0))];
  let who = '';
  if (login === undefined) socket.write(Buffer.from([5, methods.includes(0) ? 0 : 0xff]));
  else {
    socket.write(Buffer.from([5, methods.includes(2) ? 2 : 0xff]));
    const user = await take(socket, (await take(socket, 2))[1] ?? 0);
    const password = await take(socket, (await take(socket, 1))[0] ?? 0);
    who = `${user}:${password}`;
    socket.write(Buffer.from([1, who === login ? 0 : 1]));
  }
  const kind = (await take(socket, 4))[3] ?? 0;
  const length = kind === 1 ? 4 : kind === 4 ? 16 : ((await take(socket, 1))[0] ?? 0);
  const host = await take(socket, length);
  const port = (await take(socket, 2)).readUInt16BE();
  const named =
    kind === 3 ? `name ${host}` : kind === 1 ? `ipv4 ${[...host].join('.')}` : `ipv6 ${host.toString('hex')}`;
  asked.push(`${named}:${port}${who === '' ? '' : ` as ${who}`}`);
  socket.write(Buffer.concat([Buffer.from([5, code, 0, 1, 0, 0, 0, 0, 0, 0]), Buffer.from(more)]));
  if (code !== 0) return;
  const onward = connect(to, '127.0.0.1');
  onward.on('error', () => socket.destroy());
  socket.on('close', () => onward.destroy());
  socket.pipe(onward).pipe(socket);
}

async function take(socket: Socket, count: number): Promise<Buffer> {
  for (;;) {
    const bytes = count === 0 ? Buffer.alloc(0) : (socket.read(count) as Buffer | null);
    if (bytes !== null) return bytes;
    await once(socket, 'readable');
  }
}

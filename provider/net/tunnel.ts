import { request } from 'node:http';
import { isIPv6, type Socket } from 'node:net';
import type { ProxyServer } from './proxy-url.ts';

/** What a tunnel leads to. A name is resolved by the proxy. */
export interface TunnelEnd {
  readonly host: string;
  readonly port: number;
}

/** `user:password` as of RFC 7617. */
export function basicAuth({ user = '', password = '' }: ProxyServer): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/**
 * Asks the proxy at the other end of `socket` for a connection to `end`: by CONNECT
 * (https://www.rfc-editor.org/rfc/rfc9110#name-connect) or as a SOCKS client (RFC 1928, RFC 1929). Afterwards the socket is the
 * connection. Throws what the socket fails with, or an error with the code `ERR_PROXY_TUNNEL`; whoever calls closes the socket then.
 */
export function openTunnel(socket: Socket, proxy: ProxyServer, end: TunnelEnd): Promise<void> {
  return proxy.kind === 'socks5' ? askSocks(socket, proxy, end) : askConnect(socket, proxy, end);
}

/** `statusCode`: the proxy's HTTP status, or words for it. */
function refused(statusCode: number | string): Error {
  return Object.assign(new Error('the proxy opens no tunnel'), { code: 'ERR_PROXY_TUNNEL', statusCode });
}

function askConnect(socket: Socket, proxy: ProxyServer, { host, port }: TunnelEnd): Promise<void> {
  const authority = `${isIPv6(host) ? `[${host}]` : host}:${port}`;
  return new Promise((resolve, reject) => {
    const asking = request({
      method: 'CONNECT',
      path: authority,
      headers: {
        Host: authority,
        Connection: 'keep-alive',
        'Proxy-Connection': 'keep-alive',
        ...(proxy.user === undefined ? {} : { 'Proxy-Authorization': basicAuth(proxy) }),
      },
      createConnection: () => socket,
    });
    asking.on('error', reject);
    asking.on('close', () => reject(refused('connection closed')));
    asking.on('connect', ({ statusCode = 0 }, _socket, head) => {
      // As in Go, and as proxies have it: no other success. No server of ours speaks first, so more bytes are not its own.
      if (statusCode !== 200) reject(refused(statusCode));
      else if (head.length > 0) reject(refused('it sent more than its answer'));
      else resolve();
    });
    asking.end();
  });
}

/** Milliseconds, longer than anybody waits for a connection: the library wants one, and its own is as long. */
const socksTimeout = 30_000;

async function askSocks(socket: Socket, { host, port, user, password }: ProxyServer, end: TunnelEnd): Promise<void> {
  // Loaded where such a proxy is used alone.
  const { SocksClient } = await import('socks');
  let broken: Error | undefined;
  socket.prependOnceListener('error', (error) => (broken = error));
  try {
    await SocksClient.createConnection({
      command: 'connect',
      destination: { host: end.host, port: end.port },
      proxy: {
        type: 5,
        host,
        port,
        ...(user === undefined ? {} : { userId: user }),
        ...(password === undefined ? {} : { password }),
      },
      existing_socket: socket,
      timeout: socksTimeout,
    });
  } catch (thrown) {
    throw broken ?? refused(socksReason(thrown));
  }
  // The library hands on in the next turn what came behind the proxy's answer; it must not count as that of a request.
  let more = false;
  const onData = () => (more = true);
  socket.on('data', onData);
  await new Promise((next) => setImmediate(next));
  socket.removeListener('data', onData);
  if (more) throw refused('it sent more than its answer');
}

/** The library's texts, of which the last word is RFC 1928's for a refusal; the error itself holds the password. */
function socksReason(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : '';
  if (/Authentication failed|no accepted authentication type/i.test(text)) return 'user or password';
  const word = /rejected connection - (\w+)$/.exec(text)?.[1];
  if (word !== undefined) return word.replace(/[a-z](?=[A-Z])/g, '$& ').toLowerCase();
  return text === 'Socket closed' ? 'connection closed' : 'it does not speak SOCKS 5';
}

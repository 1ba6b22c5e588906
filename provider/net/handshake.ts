import { isIP } from 'node:net';
import type { ConnectionOptions, TLSSocket } from 'node:tls';

/** The socket when its TLS is ready. Throws what Node fails with. */
export function handshake(socket: TLSSocket): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    socket.once('secureConnect', () => resolve(socket));
    // It stays: an error between two owners must not end the process.
    socket.on('error', reject);
    socket.once('close', () => {
      reject(Object.assign(new Error('connection closed during the TLS handshake'), { code: 'ECONNRESET' }));
    });
  });
}

/** A certificate may be for an IP address, but SNI has names only (https://www.rfc-editor.org/rfc/rfc6066#section-3). */
export function namedBy(host: string): ConnectionOptions {
  return isIP(host) === 0 ? { host, servername: host } : { host };
}

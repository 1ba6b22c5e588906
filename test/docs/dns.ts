import { createSocket } from 'node:dgram';
import { once } from 'node:events';

/** A DNS server over UDP on 127.0.0.1 that knows these addresses for every name. */
export async function startDns(hosts: readonly string[]): Promise<{ address: string; close: () => void }> {
  const socket = createSocket('udp4');
  socket.on('message', (query, { port, address }) => socket.send(answerTo(query, hosts), port, address));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { address: `127.0.0.1:${socket.address().port}`, close: () => socket.close() };
}

/** RFC 1035, for one question. */
function answerTo(query: Buffer, hosts: readonly string[]): Buffer {
  let end = 12;
  while (query[end] !== 0) end += (query[end] ?? 0) + 1;
  const type = query.readUInt16BE(end + 1);
  const bytes = hosts.map((host) => (host.includes(':') ? v6(host) : Buffer.from(host.split('.').map(Number))));
  const found = bytes.filter(({ length }) => length === (type === 1 ? 4 : type === 28 ? 16 : 0));
  const head = Buffer.from(query.subarray(0, end + 5));
  head.writeUInt16BE(0x8180, 2);
  head.writeUInt16BE(found.length, 6);
  head.writeUInt16BE(0, 10);
  const records = found.map((data) => {
    const record = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, data.length]);
    return Buffer.concat([record, data]);
  });
  return Buffer.concat([head, ...records]);
}

/** `::1` alone. */
function v6(host: string): Buffer {
  if (host !== '::1') throw new Error(`no other address than ::1, as ${host}`);
  const bytes = Buffer.alloc(16);
  bytes[15] = 1;
  return bytes;
}

import { connect, constants } from 'node:http2';
import { createConnection } from 'node:net';

/** One gRPC call with this body; settles however it ends. */
export function callRaw(socket: string, path: string, body: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const session = connect('http://localhost', { createConnection: () => createConnection(socket) });
    const done = () => {
      session.destroy();
      resolve();
    };
    session.on('error', done);
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream
      .on('error', done)
      .on('close', done)
      .on('data', () => {});
    stream.setTimeout(1_000, done);
    stream.end(body);
  });
}

/** Sends bytes and hangs up when they were answered, refused, or after a moment. */
export function sendRaw(path: string, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    const done = () => {
      socket.destroy();
      resolve();
    };
    socket.on('error', done).on('close', done).on('data', done);
    socket.setTimeout(20, done);
    socket.end(bytes);
  });
}

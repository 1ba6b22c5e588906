import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { Worker } from 'node:worker_threads';

const listener = `
const { createServer } = require('node:http');
const { parentPort, workerData } = require('node:worker_threads');
const { host, port, hold } = workerData;
const server = createServer((_request, response) => response.end('late')).listen({ host, port, backlog: 1 }, () => {
  parentPort.postMessage(server.address().port);
  Atomics.wait(new Int32Array(hold), 0, 0);
});
`;

/** An address that answers no attempt to connect, as one behind a firewall. */
export interface BlackHole {
  readonly port: number;
  /** From now on it is an HTTP server that says "late". The kernel repeats attempts after a second. */
  readonly open: () => void;
}

/** A listener that accepts nothing and whose queue is full. */
export async function blackHole(t: TestContext, host: string, port = 0): Promise<BlackHole> {
  const hold = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(listener, { eval: true, workerData: { host, port, hold: hold.buffer } });
  const [found] = (await once(worker, 'message')) as [number];
  const fillers: Socket[] = [];
  const open = () => {
    for (const socket of fillers) socket.destroy();
    Atomics.store(hold, 0, 1);
    Atomics.notify(hold, 0);
  };
  t.after(async () => {
    open();
    await worker.terminate();
  });
  // Those that get in fill the queue; the first that is not answered shows that it is full.
  for (let full = false; !full; ) {
    const socket = connect({ host, port: found });
    fillers.push(socket);
    socket.on('error', () => {});
    full = await Promise.race([
      once(socket, 'connect').then(() => false),
      new Promise<boolean>((resolve) => setTimeout(resolve, 200, true)),
    ]);
  }
  return { port: found, open };
}

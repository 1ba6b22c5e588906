import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it, type TestContext } from 'node:test';
import { Worker } from 'node:worker_threads';
import { createKubeApi } from '../../../provider/kube/api.ts';
import type { KubeConfig } from '../../../provider/kube/config.ts';
import { parseAddress } from '../../../provider/net/address.ts';
import { systemClock } from '../../../provider/util/clock.ts';
import { makeCa, makeLeaf } from './certificates.ts';
import { bodyOf, bounds, message, never, poolAt } from './exchange.ts';

/**
 * A server in a thread of its own, so that it sends while this one is busy. To the first request it answers `first`, and `delay`
 * milliseconds later `more`, which nobody asked for; to later ones, `own` after 50 ms.
 */
const listener = `
const { createServer } = require('node:net');
const tls = require('node:tls');
const { parentPort, workerData: { first, more, delay, own, pem } } = require('node:worker_threads');
let asked = 0;
const serve = (socket) => {
  socket.setNoDelay();
  socket.on('error', () => {});
  socket.on('data', () => {
    if (asked++ > 0) setTimeout(() => socket.write(own), 50);
    else if (delay === 0) socket.write(first + more);
    else {
      socket.write(first);
      setTimeout(() => { socket.write(more); parentPort.postMessage('sent'); }, delay);
    }
  });
};
const server = pem ? tls.createServer(pem, serve) : createServer(serve);
server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
`;

const reply = (body: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const first = reply('{"a":"1"}');
const own = reply('{"a":"2"}');
const evil = reply('{"a":"3"}');

interface Odd {
  readonly first?: string;
  readonly more?: string;
  readonly delay?: number;
  readonly pem?: object | undefined;
}

async function oddServer(t: TestContext, odd: Odd) {
  const worker = new Worker(listener, { eval: true, workerData: { first, more: evil, delay: 0, own, ...odd } });
  t.after(() => worker.terminate());
  const [port] = (await once(worker, 'message')) as [number];
  return { port, sent: once(worker, 'message') };
}

/** Does nothing else meanwhile: what comes waits in the kernel. */
function beBusy(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

describe('a reply that nobody asked for', () => {
  const ca = makeCa();
  const pem = makeLeaf(ca);

  for (const way of ['http', 'https']) {
    const poolTo = (t: TestContext, port: number) =>
      poolAt(t, `${way}://127.0.0.1:${port}`, { tls: { skipVerify: way === 'https' } });
    const pemOf = way === 'https' ? pem : undefined;

    for (const [what, odd] of Object.entries({
      'another whole reply': {},
      'half a reply': { more: evil.slice(0, 30) },
      'an interim reply': { more: `HTTP/1.1 100 Continue\r\n\r\n${evil}` },
      'a switch of protocols': { more: 'HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nx' },
      'the body of a 204': { first: 'HTTP/1.1 204 X\r\nContent-Length: 9\r\n\r\n' },
      'more behind the last chunk': {
        first: 'HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n1\r\n0\r\n\r\n',
      },
    })) {
      it(`is not the next request's over ${way}: ${what}, at once`, async (t) => {
        const { port } = await oddServer(t, { ...odd, pem: pemOf });
        const pool = poolTo(t, port);
        await pool.exchange(message, bounds, never);
        assert.equal(bodyOf(await pool.exchange(message, bounds, never)), '{"a":"2"}');
      });
    }

    it(`is not the next request's over ${way}: 50 ms later, while the connection is idle`, async (t) => {
      const { port, sent } = await oddServer(t, { delay: 50, pem: pemOf });
      const pool = poolTo(t, port);
      assert.equal(bodyOf(await pool.exchange(message, bounds, never)), '{"a":"1"}');
      await sent;
      assert.equal(bodyOf(await pool.exchange(message, bounds, never)), '{"a":"2"}');
    });

    it(`is not the next request's over ${way}: between two requests that follow at once`, async (t) => {
      const { port } = await oddServer(t, { delay: 5, pem: pemOf });
      const pool = poolTo(t, port);
      assert.equal(bodyOf(await pool.exchange(message, bounds, never)), '{"a":"1"}');
      beBusy(100);
      assert.equal(bodyOf(await pool.exchange(message, bounds, never)), '{"a":"2"}');
    });
  }

  it("is not the next request's from the API server", async (t) => {
    const { port } = await oddServer(t, { delay: 5, pem });
    const parsed = parseAddress(`https://127.0.0.1:${port}`);
    assert.ok('address' in parsed);
    const config: KubeConfig = {
      server: parsed.address,
      ca: undefined,
      token: undefined,
      clientCertificate: undefined,
      serverName: undefined,
      skipVerify: true,
      namespace: 'x',
    };
    const api = createKubeApi(config, { clock: systemClock });
    t.after(() => api.close());
    assert.deepEqual(await api.get('/x'), { a: '1' });
    beBusy(100);
    assert.deepEqual(await api.get('/x'), { a: '2' });
  });
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { KeymountError } from '../../../provider/errors.ts';
import { scratchFolder } from '../../lab/scratch.ts';
import { answering, bodyOf, bounds, isFailure, message, never, poolAt, rawServer } from './exchange.ts';
import { httpReply, startRawServer } from './raw-server.ts';

describe('an exchange', () => {
  it('gives status, headers and body, whatever the status is', async (t) => {
    const outcome = await answering(t, () => httpReply(503, 'busy', { 'X-Y': 'z' }));
    assert.ok('reply' in outcome);
    assert.deepEqual([outcome.reply.status, outcome.reply.headers['x-y'], bodyOf(outcome)], [503, 'z', 'busy']);
  });

  it('sends path, headers and body as they are', async (t) => {
    const { server, pool } = await rawServer(t, () => httpReply(200, 'ok'));
    const post = { method: 'POST', path: '/v1/a%2Fb?x=%20', headers: { 'X-A': 'b' }, body: '{"ü":1}' };
    assert.equal(bodyOf(await pool.exchange(post, bounds, never)), 'ok');
    assert.match(server.requests[0] ?? '', /^POST \/v1\/a%2Fb\?x=%20 HTTP\/1\.1\r\nX-A: b\r\nContent-Length: 8\r\n/);
  });

  it('puts the prefix of the address before the path', async (t) => {
    const server = await startRawServer(() => httpReply(200, 'ok'));
    t.after(() => server.close());
    const pool = poolAt(t, `http://127.0.0.1:${server.port}/vault/`);
    await pool.exchange(message, bounds, never);
    assert.match(server.requests[0] ?? '', /^GET \/vault\/v1\/x HTTP/);
  });

  it('keeps its connection for the next one', async (t) => {
    const { server, pool } = await rawServer(t, () => httpReply(200, 'ok'));
    for (let i = 0; i < 3; i++) await pool.exchange(message, bounds, never);
    assert.equal(server.connections(), 1);
  });

  it('talks to unix sockets', async (t) => {
    const path = join(scratchFolder('net'), 's');
    const server = createServer((request, response) => response.end(`${request.headers.host} ${request.url}`));
    await once(server.listen(path), 'listening');
    t.after(() => server.close());
    assert.equal(bodyOf(await poolAt(t, `unix://${path}`).exchange(message, bounds, never)), 'localhost /v1/x');
    const gone = await poolAt(t, `unix://${path}-not`).exchange(message, bounds, never);
    isFailure(gone, 'backend-unreachable', /there is no socket \/.*-not \[/, true);
  });

  it('asks again at once, once, when a kept connection turns out to be closed', async (t) => {
    let count = 0;
    const { server, pool } = await rawServer(t, (_head, socket) => {
      if (++count % 2 === 1) return httpReply(200, 'ok');
      socket.resetAndDestroy();
      return undefined;
    });
    assert.equal(bodyOf(await pool.exchange(message, bounds, never)), 'ok');
    assert.equal(bodyOf(await pool.exchange(message, bounds, never)), 'ok');
    assert.deepEqual([server.requests.length, server.connections()], [3, 2]);
  });

  it('does not ask again by itself when a new connection is reset', async (t) => {
    const { server, pool } = await rawServer(t, (_head, socket) => {
      socket.resetAndDestroy();
      return undefined;
    });
    isFailure(
      await pool.exchange(message, bounds, never),
      'backend-unreachable',
      /connection reset by 127\.0\.0\.1:\d+ \[/,
      true,
    );
    assert.equal(server.requests.length, 1);
  });
});

describe('giving up', () => {
  it('ends the request and keeps the reason', async (t) => {
    const closed: Promise<unknown>[] = [];
    const { pool } = await rawServer(t, (_head, socket) => {
      closed.push(once(socket, 'close'));
      return undefined;
    });
    for (const [reason, code] of [
      [new KeymountError('deadline-exceeded', 'the deadline passed'), 'deadline-exceeded'],
      [undefined, 'cancelled'],
      [new DOMException('x', 'TimeoutError'), 'deadline-exceeded'],
    ] as const) {
      const abort = new AbortController();
      const exchange = pool.exchange(message, bounds, abort.signal);
      setTimeout(() => abort.abort(reason), 30);
      isFailure(await exchange, code, /still waiting for http:\/\/127/, false);
    }
    await Promise.all(closed);
    isFailure(await pool.exchange(message, bounds, AbortSignal.abort()), 'cancelled', /./, false);
  });

  it('works for those who wait for their turn', async (t) => {
    const server = await startRawServer(() => undefined);
    t.after(() => server.close());
    const pool = poolAt(t, `http://127.0.0.1:${server.port}`, { maxConcurrent: 1 });
    const [first, second] = [new AbortController(), new AbortController()];
    const running = pool.exchange(message, bounds, first.signal);
    const waiting = pool.exchange(message, bounds, second.signal);
    assert.deepEqual([pool.load.held, pool.load.waiting], [1, 1]);
    second.abort();
    isFailure(await waiting, 'cancelled', /./, false);
    first.abort();
    await running;
    assert.deepEqual([pool.load.held, pool.load.waiting], [0, 0]);
    assert.ok(server.requests.length <= 1);
  });
});

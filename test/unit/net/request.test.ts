import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { formatError, KeymountError } from '../../../provider/errors.ts';
import { parseAddress } from '../../../provider/net/address.ts';
import type { Failure } from '../../../provider/net/connection-error.ts';
import { createPool, type PoolOptions } from '../../../provider/net/pool.ts';
import type { Outcome } from '../../../provider/net/request.ts';
import { systemClock } from '../../../provider/util/clock.ts';
import { freePort } from '../../lab/free-port.ts';
import { scratchFolder } from '../../lab/scratch.ts';
import { httpReply, startRawServer } from './raw-server.ts';

const bounds = { timeout: 2000, connectTimeout: 1000, maxBytes: 1000 };
const message = { method: 'GET', path: '/v1/x', headers: {} };
const never = new AbortController().signal;

function poolAt(t: TestContext, address: string, more: Partial<PoolOptions> = {}) {
  const parsed = parseAddress(address);
  assert.ok('address' in parsed);
  const pool = createPool(
    {
      address: parsed.address,
      tls: { skipVerify: false },
      maxConcurrent: 4,
      proxy: undefined,
      guarded: false,
      ...more,
    },
    { clock: systemClock, random: () => 0.5, proxies: { https: undefined, http: undefined, no: [] } },
  );
  t.after(() => pool.close());
  return pool;
}

async function rawServer(t: TestContext, answer: (head: string, socket: Socket) => string | Buffer | undefined) {
  const server = await startRawServer(answer);
  t.after(() => server.close());
  return { server, pool: poolAt(t, `http://127.0.0.1:${server.port}`) };
}

/** What a server that answers like this makes of a request. */
async function answering(t: TestContext, answer: (head: string, socket: Socket) => string | Buffer | undefined) {
  const { pool } = await rawServer(t, answer);
  return await pool.exchange(message, bounds, never);
}

const bodyOf = (outcome: Outcome) =>
  'reply' in outcome ? outcome.reply.body.toString() : assert.fail(formatError(outcome.failure));
const failureOf = (outcome: Outcome): Failure => ('failure' in outcome ? outcome : assert.fail('there was a reply'));

function isFailure(outcome: Outcome, code: string, text: RegExp | string, transient: boolean): void {
  const { failure, ...rest } = failureOf(outcome);
  assert.equal(failure.code, code);
  if (typeof text === 'string') assert.equal(formatError(failure), text);
  else assert.match(formatError(failure), text);
  assert.equal(rest.transient, transient);
}

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

describe('a server that cannot be reached', () => {
  it('is named with the reason', async (t) => {
    const port = await freePort();
    const refused = await poolAt(t, `http://127.0.0.1:${port}`).exchange(message, bounds, never);
    isFailure(
      refused,
      'backend-unreachable',
      `cannot reach http://127.0.0.1:${port}: connection refused by 127.0.0.1:${port} [backend-unreachable]`,
      true,
    );
    const both = await poolAt(t, `http://localhost:${port}`).exchange(message, bounds, never);
    isFailure(
      both,
      'backend-unreachable',
      `cannot reach http://localhost:${port}: connection refused by localhost:${port} [backend-unreachable]`,
      true,
    );
    const unknown = await poolAt(t, 'http://no-such-host.invalid:8200').exchange(message, bounds, never);
    isFailure(unknown, 'backend-unreachable', /(?:no such host:|DNS does not answer for) no-such-host\.invalid/, true);
  });

  it('is refused at the connection where its name resolves to what a class must not reach', async (t) => {
    const server = await startRawServer(() => httpReply(200, 'ok'));
    t.after(() => server.close());
    const open = await poolAt(t, `http://localhost:${server.port}`, { guarded: true }).exchange(message, bounds, never);
    assert.equal(bodyOf(open), 'ok');
  });

  it('is given up after the time for connecting', async (t) => {
    // 192.0.2.0/24 is for documentation: nothing answers, or the network says at once that it is not there.
    const outcome = await poolAt(t, 'http://192.0.2.1:8200').exchange(
      message,
      { ...bounds, connectTimeout: 100 },
      never,
    );
    isFailure(
      outcome,
      'backend-unreachable',
      /no connection to 192\.0\.2\.1:8200 within 0\.1 s|no route to|failed|refused/,
      true,
    );
  });
});

describe('an odd server', () => {
  it('that cuts its answer short is found out', async (t) => {
    const head = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this';
    const cut = await answering(t, (_head, socket) => void socket.end(head));
    isFailure(cut, 'backend-reply-invalid', /was cut off/, true);
    const reset = await answering(t, (_head, socket) => {
      socket.write(head, () => setTimeout(() => socket.resetAndDestroy(), 30));
      return undefined;
    });
    isFailure(reset, 'backend-reply-invalid', /was cut off/, true);
    const chunked = await answering(t, (_head, socket) => {
      socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n');
      return undefined;
    });
    isFailure(chunked, 'backend-reply-invalid', /was cut off/, true);
  });

  it('that sends more than is allowed is cut off itself', async (t) => {
    const told = await answering(t, () => httpReply(200, 'x'.repeat(1001)));
    isFailure(told, 'backend-reply-invalid', /is larger than 1000 bytes/, false);
    let sent = 0;
    const endless = await answering(t, (_head, socket) => {
      const more = () => {
        if (socket.destroyed || ++sent > 10_000) return;
        socket.write(`400\r\n${'x'.repeat(1024)}\r\n`);
        setImmediate(more);
      };
      setImmediate(more);
      return 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
    });
    isFailure(endless, 'backend-reply-invalid', /is larger than 1000 bytes/, false);
    assert.ok(sent < 10_000);
    assert.equal(bodyOf(await answering(t, () => httpReply(200, 'x'.repeat(1000)))).length, 1000);
  });

  it('that lies about its length does no harm to the next request', async (t) => {
    let first = true;
    const { pool } = await rawServer(t, () => {
      if (!first) return httpReply(200, 'good');
      first = false;
      return httpReply(200, 'short and more', { 'Content-Length': '5' });
    });
    isFailure(await pool.exchange(message, bounds, never), 'backend-reply-invalid', /is not HTTP/, false);
    assert.equal(bodyOf(await pool.exchange(message, bounds, never)), 'good');
  });

  it('that is slow is given up in time, before and within the body', async (t) => {
    const short = { ...bounds, timeout: 150 };
    const silent = await rawServer(t, () => undefined);
    isFailure(
      await silent.pool.exchange(message, short, never),
      'backend-unreachable',
      /no whole answer from .* within 0\.15 s/,
      true,
    );
    const dripping = await rawServer(t, (_head, socket) => {
      const drip = setInterval(() => socket.write('x'), 20);
      socket.on('close', () => clearInterval(drip));
      return 'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n';
    });
    isFailure(await dripping.pool.exchange(message, short, never), 'backend-unreachable', /no whole answer/, true);
  });

  it('that does not speak HTTP is named as such', async (t) => {
    for (const answer of [
      'SSH-2.0-OpenSSH_9.0\r\n',
      'HTTP/1.1 abc\r\n\r\n',
      'HTTP/1.1 200 OK\r\nA\u0000: b\r\n\r\n',
      `HTTP/1.1 200 OK\r\nA: ${'b'.repeat(20_000)}\r\n\r\n`,
    ]) {
      isFailure(await answering(t, () => answer), 'backend-reply-invalid', /is not HTTP/, false);
    }
    const upgrade = await answering(
      t,
      () => 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
    );
    isFailure(upgrade, 'backend-reply-invalid', /switched to another protocol/, false);
    const nothing = await answering(t, (_head, socket) => void socket.end());
    isFailure(nothing, 'backend-unreachable', /connection reset by/, true);
  });

  it('cannot smuggle a header through a message', async (t) => {
    const { server, pool } = await rawServer(t, () => httpReply(200, 'ok'));
    for (const odd of [
      { headers: { 'X-Vault-Namespace': 'a\r\nX-Evil: b' } },
      { path: '/v1/a b' },
      { method: 'G T' },
    ]) {
      isFailure(
        await pool.exchange({ ...message, ...odd }, bounds, never),
        'class-invalid',
        /characters that HTTP does not allow/,
        false,
      );
    }
    assert.equal(server.requests.length, 0);
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

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { freePort } from '../../lab/free-port.ts';
import { blackHole } from './black-hole.ts';
import { answering, bodyOf, bounds, isFailure, message, never, poolAt, rawServer } from './exchange.ts';
import { httpReply, startRawServer } from './raw-server.ts';

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
    const hole = await blackHole(t, '127.0.0.2');
    const address = `http://127.0.0.2:${hole.port}`;
    const started = performance.now();
    const outcome = await poolAt(t, address).exchange(message, { ...bounds, connectTimeout: 100 }, never);
    const reason = `no connection to 127.0.0.2:${hole.port} within 0.1 s`;
    isFailure(outcome, 'backend-unreachable', `cannot reach ${address}: ${reason} [backend-unreachable]`, true);
    // Not after the time for the whole answer, which is 2 s.
    assert.ok(performance.now() - started < 1_500);
  });

  it('is given up after the time for the whole answer, if that is shorter', async (t) => {
    const hole = await blackHole(t, '127.0.0.2');
    const outcome = await poolAt(t, `http://127.0.0.2:${hole.port}`).exchange(
      message,
      { ...bounds, timeout: 100 },
      never,
    );
    isFailure(outcome, 'backend-unreachable', /no connection to 127\.0\.0\.2:\d+ within 0\.1 s/, true);
  });

  it('is given up after the time for connecting where TLS hangs', async (t) => {
    const silent = await startRawServer(() => undefined);
    t.after(() => silent.close());
    const short = { ...bounds, connectTimeout: 100 };
    const tls = await poolAt(t, `https://127.0.0.1:${silent.port}`).exchange(message, short, never);
    isFailure(tls, 'backend-unreachable', /no connection to 127\.0\.0\.1:\d+ within 0\.1 s/, true);
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
    let closed: Promise<unknown> | undefined;
    const upgrade = await answering(t, (_head, socket) => {
      closed = once(socket, 'close');
      return 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n';
    });
    isFailure(upgrade, 'backend-reply-invalid', /switched to another protocol/, false);
    await closed;
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

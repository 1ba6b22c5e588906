import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, describe, it } from 'node:test';
import { requestJson } from './http-json.ts';
import { type LabProxy, startProxy } from './proxy.ts';

describe('the proxy', () => {
  const backend = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      outgoing.statusCode = incoming.url === '/v1/absent' ? 404 : 200;
      const token = incoming.headers['x-vault-token'];
      outgoing.end(JSON.stringify({ url: incoming.url, token, sent: Buffer.concat(chunks).toString() }));
    });
  });
  let proxy: LabProxy;

  before(async () => {
    backend.listen(0, '127.0.0.1');
    await once(backend, 'listening');
    proxy = await startProxy(`http://127.0.0.1:${(backend.address() as AddressInfo).port}`);
  });
  beforeEach(() => {
    proxy.faults();
    proxy.reset();
  });
  after(async () => {
    await proxy.close();
    backend.close();
  });

  const ask = (path: string, options = {}) => requestJson(`${proxy.address}/v1/${path}`, options);

  it('forwards method, headers, body and status', async () => {
    const reply = await ask('a?b=c', { method: 'POST', body: { d: 1 }, headers: { 'x-vault-token': 't' } });
    assert.deepEqual(reply, { status: 200, body: { url: '/v1/a?b=c', token: 't', sent: '{"d":1}' } });
    assert.equal((await ask('absent')).status, 404);
  });

  it('counts requests by path without the query, and connections', async () => {
    await Promise.all([ask('a'), ask('a?version=2'), ask('auth/jwt/login', { method: 'POST' })]);
    assert.deepEqual(proxy.counts(), { 'GET /v1/a': 2, 'POST /v1/auth/jwt/login': 1 });
    assert.deepEqual([proxy.count(), proxy.count(/login$/), proxy.connections()], [3, 1, 3]);
    assert.ok(proxy.highWater() >= 2);
  });

  it('fails a path with a status as often as it is told, and counts it', async () => {
    proxy.faults({ match: /\/a$/, status: 503, times: 1 });
    assert.deepEqual([(await ask('a')).status, (await ask('b')).status, (await ask('a')).status], [503, 200, 200]);
    assert.equal(proxy.count(/\/a$/), 2);
  });

  it('delays', async () => {
    proxy.faults({ delay: 60 });
    const start = performance.now();
    await ask('a');
    assert.ok(performance.now() - start >= 55);
  });

  it('cuts an answer short', async () => {
    proxy.faults({ cutAfter: 3 });
    await assert.rejects(ask('a'), /aborted|socket hang up|ECONNRESET/);
  });

  it('hangs', async () => {
    proxy.faults({ hang: true });
    await assert.rejects(ask('a', { timeout: 100 }), /aborted/);
  });
});

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { parseAddress } from '../../../provider/net/address.ts';
import type { PoolOptions } from '../../../provider/net/pool.ts';
import { createPools } from '../../../provider/net/pools.ts';
import { systemClock } from '../../../provider/util/clock.ts';

function at(address: string, more: Partial<PoolOptions> = {}): PoolOptions {
  const parsed = parseAddress(address);
  assert.ok('address' in parsed);
  const tls = { skipVerify: false };
  return { address: parsed.address, tls, maxConcurrent: 2, proxy: undefined, guarded: false, ...more };
}

describe('pools', () => {
  const deps = { clock: systemClock, random: () => 0.5, proxies: { https: undefined, http: undefined, no: [] } };

  it('are shared by what is reached in the same way', () => {
    const pools = createPools(deps);
    const pool = pools.get(at('https://vault:8200'));
    assert.equal(pools.get(at('HTTPS://vault.:8200/')), pool);
    for (const other of [
      at('https://vault:8201'),
      at('https://vault:8200', { guarded: true }),
      at('https://vault:8200', { tls: { skipVerify: true } }),
      at('https://vault:8200', { tls: { skipVerify: false, cert: { path: '/c' }, key: { path: '/k' } } }),
      at('https://vault:8200', { proxy: 'http://squid:3128' }),
    ]) {
      assert.notEqual(pools.get(other), pool);
    }
  });

  it('share the connections to one server, each with a breaker of its own', async (t) => {
    let connections = 0;
    const server = createServer((request, response) => {
      response.statusCode = request.url === '/a/x' ? 503 : 200;
      response.end();
    });
    server.on('connection', () => connections++);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const pools = createPools(deps);
    t.after(() => {
      pools.close();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const [a, b] = ['a', 'b'].map((prefix) => pools.get(at(`http://127.0.0.1:${port}/${prefix}`)));
    const bounds = { timeout: 5_000, connectTimeout: 5_000, maxBytes: 1_000 };
    const message = { method: 'GET', path: '/x', headers: {} };
    for (let time = 0; time < 5; time++) {
      await a?.exchange(message, bounds, new AbortController().signal);
      await b?.exchange(message, bounds, new AbortController().signal);
    }
    assert.deepEqual([a?.breaker().open, b?.breaker().open], [true, false]);
    assert.equal(connections, 1);
  });

  it('do not hold each other up: a server may hang below some prefixes alone', async (t) => {
    const server = createServer((request, response) => {
      if (request.url?.startsWith('/good/')) response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const pools = createPools(deps);
    t.after(() => {
      pools.close();
      server.close();
      server.closeAllConnections();
    });
    const { port } = server.address() as AddressInfo;
    const bounds = { timeout: 3_000, connectTimeout: 1_000, maxBytes: 1_000 };
    const message = { method: 'GET', path: '/x', headers: {} };
    const given = new AbortController();
    const hanging = Array.from({ length: 40 }, (_, index) =>
      pools.get(at(`http://127.0.0.1:${port}/hangs${index % 20}`)).exchange(message, bounds, given.signal),
    );
    const good = pools.get(at(`http://127.0.0.1:${port}/good`));
    const outcome = await good.exchange(message, bounds, new AbortController().signal);
    assert.equal('reply' in outcome && outcome.reply.status, 200);
    given.abort();
    await Promise.all(hanging);
  });

  it('are bounded, whatever addresses classes choose', () => {
    const pools = createPools(deps);
    const first = pools.get(at('http://host-0'));
    for (let i = 1; i <= 256; i++) pools.get(at(`http://host-${i}`));
    assert.notEqual(pools.get(at('http://host-0')), first);
  });
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type LookupFunction } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { parseAddress } from '../../../provider/net/address.ts';
import { createAgents } from '../../../provider/net/agents.ts';
import { guardedLookup } from '../../../provider/net/forbidden-ip.ts';
import { parseProxy } from '../../../provider/net/proxy-url.ts';
import { exchange, type Outcome } from '../../../provider/net/request.ts';
import { usualTrust } from '../../../provider/net/trust.ts';
import { systemClock } from '../../../provider/util/clock.ts';
import { scratchFolder } from '../../lab/scratch.ts';
import { makeCa, makeLeaf } from './certificates.ts';
import { bodyOf, isFailure, message, never, poolAt } from './exchange.ts';
import { socksServer } from './socks-server.ts';

const bounds = { timeout: 4000, connectTimeout: 3000, maxBytes: 1000 };
const answer: RequestListener = (request, response) => response.end(`${request.headers.host}${request.url}`);
const ca = makeCa();
const pem = makeLeaf(ca, { names: 'DNS:vault.example,IP:127.0.0.1' });

describe('a SOCKS proxy', () => {
  const plain = createServer(answer);
  const secure = createTlsServer(pem, answer);
  const portOf = (server: { address: () => unknown }) => (server.address() as AddressInfo).port;
  const caFile = { path: join(scratchFolder('socks'), 'ca.pem') };

  before(async () => {
    writeFileSync(caFile.path, ca.cert);
    for (const server of [plain, secure]) await once(server.listen(0, '127.0.0.1'), 'listening');
  });
  after(() => {
    for (const server of [plain, secure]) {
      server.close();
      server.closeAllConnections();
    }
  });

  const ask = (t: TestContext, address: string, proxy: string): Promise<Outcome> =>
    poolAt(t, address, { proxy, tls: { skipVerify: false, ca: caFile } }).exchange(message, bounds, never);

  it('leads to http and https servers, and resolves their names, by either scheme', async (t) => {
    for (const scheme of ['socks5', 'socks5h']) {
      for (const [address, to] of [
        ['http://vault.example:8200', plain],
        ['https://vault.example:8200', secure],
      ] as const) {
        const proxy = await socksServer(t, { to: portOf(to) });
        const pool = poolAt(t, address, {
          proxy: `${scheme}://127.0.0.1:${proxy.port}`,
          tls: { skipVerify: false, ca: caFile },
        });
        for (let i = 0; i < 3; i++)
          assert.equal(bodyOf(await pool.exchange(message, bounds, never)), 'vault.example:8200/v1/x');
        assert.deepEqual(proxy.asked, ['name vault.example:8200']);
      }
    }
  });

  it('gets IP addresses as such', async (t) => {
    const proxy = await socksServer(t, { to: portOf(plain) });
    await ask(t, 'http://10.0.0.1', `socks5://127.0.0.1:${proxy.port}`);
    await ask(t, 'http://[fd00::1]:81', `socks5://127.0.0.1:${proxy.port}`);
    assert.deepEqual(proxy.asked, ['ipv4 10.0.0.1:80', `ipv6 fd00${'0'.repeat(27)}1:81`]);
  });

  it('gets the user and password of its URL', async (t) => {
    const proxy = await socksServer(t, { to: portOf(plain), login: 'u:p@ss' });
    assert.ok('reply' in (await ask(t, 'http://v', `socks5://u:p%40ss@127.0.0.1:${proxy.port}`)));
    assert.deepEqual(proxy.asked, ['name v:80 as u:p@ss']);
    for (const user of ['', 'u:other@']) {
      const refused = await ask(t, 'http://v', `socks5://${user}127.0.0.1:${proxy.port}`);
      isFailure(refused, 'backend-unreachable', /refused the connection \(user or password\)/, false);
    }
  });

  it('that opens no connection is named with its reason', async (t) => {
    for (const [code, reason] of [
      [2, 'not allowed'],
      [4, 'host unreachable'],
      [5, 'connection refused'],
    ] as const) {
      const proxy = await socksServer(t, { to: portOf(plain), code });
      const outcome = await ask(t, 'https://vault.example', `socks5://127.0.0.1:${proxy.port}`);
      const text = `the proxy 127.0.0.1:${proxy.port} refused the connection (${reason})`;
      assert.ok('failure' in outcome && outcome.unsent);
      assert.equal(outcome.failure.reason, text);
    }
    const http = await ask(t, 'https://vault.example', `socks5://127.0.0.1:${portOf(plain)}`);
    isFailure(http, 'backend-unreachable', /refused the connection \(it does not speak SOCKS 5\)/, false);
  });

  it('cannot answer in the place of the server before it is asked', async (t) => {
    const reply = 'HTTP/1.1 200 X\r\nContent-Length: 4\r\n\r\nevil';
    const proxy = await socksServer(t, { to: portOf(plain), more: reply });
    const outcome = await ask(t, 'http://vault.example', `socks5://127.0.0.1:${proxy.port}`);
    isFailure(outcome, 'backend-unreachable', /it sent more than its answer/, false);
  });
});

describe('a proxy of another kind', () => {
  it('is refused where it is needed, without its URL', async (t) => {
    for (const proxy of ['socks4://u:hunter2@127.0.0.1:1080', 'a b', 'ftp://p:21']) {
      const outcome = await poolAt(t, 'http://vault.example', { proxy }).exchange(message, bounds, never);
      const text = 'cannot use the proxy that is set for vault.example: it is no http, https, socks5 or socks5h URL';
      assert.ok('failure' in outcome && !outcome.transient);
      assert.equal(outcome.failure.code, 'settings-invalid');
      assert.equal(`${outcome.failure.message}: ${outcome.failure.reason}`, text);
    }
  });
});

describe('an HTTP proxy with TLS', () => {
  it('is refused where its certificate is not trusted', async (t) => {
    const proxy = createTlsServer(pem, answer);
    await once(proxy.listen(0, '127.0.0.1'), 'listening');
    t.after(() => proxy.close());
    const url = `https://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    for (const scheme of ['http', 'https']) {
      const outcome = await poolAt(t, `${scheme}://vault.example`, { proxy: url }).exchange(message, bounds, never);
      isFailure(outcome, 'backend-untrusted', /is not trusted/, false);
    }
  });
});

describe('a proxy that hangs', () => {
  it('when it is asked for a tunnel is given up in time, and closed', async (t) => {
    for (const scheme of ['http', 'socks5', 'https']) {
      let open = 0;
      const silent = createTcpServer((socket) => {
        open++;
        socket.on('error', () => {});
        socket.on('close', () => open--);
        socket.resume();
      });
      await once(silent.listen(0, '127.0.0.1'), 'listening');
      t.after(() => silent.close());
      const proxy = `${scheme}://127.0.0.1:${(silent.address() as AddressInfo).port}`;
      const short = { ...bounds, connectTimeout: 200 };
      const outcome = await poolAt(t, 'https://vault.example', { proxy }).exchange(message, short, never);
      isFailure(outcome, 'backend-unreachable', /no connection to the proxy .* within 0\.2 s/, true);
      const deadline = Date.now() + 2_000;
      while (open > 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
      assert.equal(open, 0, scheme);
    }
  });
});

describe('a name that a class chose, through a proxy', () => {
  const proxy = createServer(answer);
  before(async () => void (await once(proxy.listen(0, '127.0.0.1'), 'listening')));
  after(() => proxy.close());

  async function ask(t: TestContext, host: string, lookup: LookupFunction) {
    const parsed = parseAddress(`http://${host}`);
    assert.ok('address' in parsed);
    const { address } = parsed;
    const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const agents = createAgents(
      { address, tls: { skipVerify: false }, maxConcurrent: 1, proxy: url, guarded: true },
      systemClock,
      usualTrust,
    );
    t.after(() => agents.close());
    const peer = { address: address.text, endpoint: 'the proxy' };
    const line = {
      address,
      peer,
      agent: await agents.current(),
      lookup: guardedLookup(lookup as never),
      clock: systemClock,
    };
    return await exchange(line, message, bounds, never);
  }
  const resolving = (...result: unknown[]): LookupFunction =>
    ((_host: string, _options: unknown, found: (...all: unknown[]) => void) => found(...result)) as LookupFunction;
  const forbidden = resolving(null, [{ address: '169.254.169.254', family: 4 }]);

  it('is refused where it resolves here to what a class must not reach', async (t) => {
    isFailure(
      await ask(t, 'metadata.example', forbidden),
      'address-not-allowed',
      /which a class must not reach/,
      false,
    );
  });

  it('is left to the proxy where it does not resolve here, or not in time', async (t) => {
    const unknown = resolving(Object.assign(new Error('x'), { code: 'ENOTFOUND' }), []);
    assert.equal(bodyOf(await ask(t, 'vault.example', unknown)), 'vault.examplehttp://vault.example/v1/x');
    const silent = (() => {}) as unknown as LookupFunction;
    assert.equal(bodyOf(await ask(t, 'vault.example', silent)), 'vault.examplehttp://vault.example/v1/x');
  });

  it('is refused as an address, by a pool', async (t) => {
    const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    for (const host of ['169.254.169.254', '2852039166', '[::ffff:0:a9fe:a9fe]', '0.0.0.0']) {
      for (const through of [url, undefined]) {
        const pool = poolAt(t, `http://${host}`, { proxy: through, guarded: true });
        isFailure(await pool.exchange(message, bounds, never), 'address-not-allowed', /must not reach/, false);
      }
    }
  });
});

describe('the URL of a proxy', () => {
  it('has the default port of its scheme, and user and password decoded', () => {
    assert.deepEqual(
      ['http://p', 'https://p', 'socks5://p', 'socks5h://[::1]'].map((url) => {
        const { kind, host, port } = parseProxy(url) ?? assert.fail();
        return `${kind} ${host} ${port}`;
      }),
      ['http p 80', 'https p 443', 'socks5 p 1080', 'socks5 ::1 1080'],
    );
    const { user, password } = parseProxy('http://a%3Ab:100%@p') ?? assert.fail();
    assert.deepEqual([user, password], ['a:b', '100%']);
    for (const other of ['', 'p', 'p:3128', 'socks4://p', 'ftp://p', 'http://'])
      assert.equal(parseProxy(other), undefined);
  });
});

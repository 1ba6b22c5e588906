import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { parseAddress } from '../../../provider/net/address.ts';
import { createPool } from '../../../provider/net/pool.ts';
import { proxyFor, proxyName } from '../../../provider/net/proxy.ts';
import { systemClock } from '../../../provider/util/clock.ts';

const addressOf = (text: string) => {
  const result = parseAddress(text);
  return 'address' in result ? result.address : assert.fail(result.problem);
};
const settings = (no = '') => ({ https: 'http://secure:3128', http: 'http://plain:3128', no: no.split(',') });
const chosen = (address: string, no = '') => proxyFor(addressOf(address), settings(no));

describe('the proxy for an address', () => {
  it('goes by its scheme', () => {
    assert.equal(chosen('https://vault.example'), 'http://secure:3128');
    assert.equal(chosen('http://vault.example'), 'http://plain:3128');
    assert.equal(chosen('unix:///run/a.sock'), undefined);
    assert.equal(proxyFor(addressOf('https://v'), { https: undefined, http: 'http://p', no: [] }), undefined);
  });

  it('is none for the node itself', () => {
    for (const host of ['localhost:8200', '127.0.0.1:8200', '127.9.9.9', '[::1]'])
      assert.equal(chosen(`http://${host}`), undefined);
  });

  it('is none for what the no-proxy list covers, by the rules of Go', () => {
    for (const [no, address] of [
      ['*', 'https://vault.example'],
      ['example', 'https://vault.example'],
      ['vault.example', 'https://vault.example'],
      ['vault.example', 'https://a.vault.example:8200'],
      ['.example', 'https://vault.example'],
      ['*.example', 'https://vault.example'],
      ['x, VAULT.example', 'https://vault.example'],
      ['vault.example:8200', 'https://vault.example:8200'],
      ['vault.example:443', 'https://vault.example'],
      ['10.0.0.0/8', 'https://10.1.2.3'],
      ['10.1.2.3', 'https://10.1.2.3'],
      ['10.1.2.3:8200', 'https://10.1.2.3:8200'],
      ['fd00::/8', 'https://[fd00::1]'],
      ['fd00::1', 'https://[fd00::1]:8200'],
      ['[fd00::1]:8200', 'https://[fd00::1]:8200'],
    ] as const) {
      assert.equal(chosen(address, no), undefined, `${no} ${address}`);
    }
  });

  it('is used for what the list does not cover', () => {
    for (const [no, address] of [
      ['', 'https://vault.example'],
      ['vault', 'https://vault.example'],
      ['.vault.example', 'https://vault.example'],
      ['ault.example', 'https://vault.example'],
      ['vault.example:8200', 'https://vault.example'],
      ['10.0.0.0/8', 'https://11.0.0.1'],
      ['10.0.0.0/8', 'https://ten.example'],
      ['10.0.0.0/99', 'https://10.0.0.1'],
      ['10.0.0', 'https://10.0.0.1'],
      ['fd00::1', 'https://[fd00::2]'],
    ] as const) {
      assert.ok(chosen(address, no) !== undefined, `${no} ${address}`);
    }
  });

  it('is named without its password', () => {
    assert.equal(proxyName('http://user:hunter2@squid:3128'), 'the proxy squid:3128');
  });
});

describe('a pool with a proxy', () => {
  let backend: Server;
  let proxy: Server;
  let seen: string[] = [];

  before(async () => {
    backend = createServer((_request, response) => response.end('from the backend'));
    proxy = createServer((request, response) => {
      seen.push(`${request.method} ${request.url} ${request.headers['proxy-authorization'] ?? ''}`);
      response.end('from the proxy');
    });
    proxy.on('connect', (request, socket) => {
      seen.push(`CONNECT ${request.url} ${request.headers['proxy-authorization'] ?? ''}`.trim());
      if (request.url?.startsWith('forbidden')) {
        socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
        return;
      }
      const onward = connect((backend.address() as AddressInfo).port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        onward.pipe(socket).pipe(onward);
      });
      onward.on('error', () => socket.destroy());
      socket.on('error', () => onward.destroy());
    });
    for (const server of [backend, proxy]) await once(server.listen(0, '127.0.0.1'), 'listening');
  });
  after(() => {
    backend.close();
    proxy.close();
  });

  async function ask(address: string, user = '') {
    seen = [];
    const url = `http://${user}127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const pool = createPool(
      { address: addressOf(address), tls: { skipVerify: false }, maxConcurrent: 2, proxy: url, guarded: true },
      { clock: systemClock, random: () => 0.5, proxies: { https: undefined, http: undefined, no: [] } },
    );
    const message = { method: 'GET', path: '/v1/x?y=1', headers: {} };
    const bounds = { timeout: 2000, connectTimeout: 1000, maxBytes: 1000 };
    const outcome = await pool.exchange(message, bounds, new AbortController().signal);
    pool.close();
    return outcome;
  }

  it('asks it for http addresses by their whole URL, with the credentials of the proxy', async () => {
    const outcome = await ask('http://vault.example:8200', 'u:p@');
    assert.ok('reply' in outcome);
    assert.equal(outcome.reply.body.toString(), 'from the proxy');
    assert.deepEqual(seen, [`GET http://vault.example:8200/v1/x?y=1 Basic ${Buffer.from('u:p').toString('base64')}`]);
  });

  it('gives it a password with a bare % as it is, in a tunnel too', async () => {
    const login = `Basic ${Buffer.from('u:100%').toString('base64')}`;
    assert.ok('reply' in (await ask('http://vault.example', 'u:100%@')));
    assert.deepEqual(seen, [`GET http://vault.example/v1/x?y=1 ${login}`]);
    await ask('https://vault.example', 'u:100%@');
    assert.deepEqual(seen, [`CONNECT vault.example:443 ${login}`]);
  });

  it('tunnels https addresses through it, and the TLS is with the server', async () => {
    const outcome = await ask('https://vault.example:8200');
    assert.deepEqual(seen, ['CONNECT vault.example:8200']);
    assert.ok('failure' in outcome);
    assert.equal(outcome.failure.code, 'backend-untrusted');
    assert.equal(outcome.failure.message, 'https://vault.example:8200 does not speak TLS');
  });

  it('says when it is the proxy that refuses', async () => {
    const outcome = await ask('https://forbidden.example');
    assert.ok('failure' in outcome);
    assert.equal(outcome.failure.code, 'backend-unreachable');
    assert.match(outcome.failure.reason ?? '', /^the proxy 127\.0\.0\.1:\d+ refused the connection \(403\)$/);
  });
});

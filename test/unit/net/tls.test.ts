import assert from 'node:assert/strict';
import { once } from 'node:events';
import { linkSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { formatError } from '../../../provider/errors.ts';
import { parseAddress } from '../../../provider/net/address.ts';
import type { TlsSettings } from '../../../provider/net/agents.ts';
import { createPool, type Pool } from '../../../provider/net/pool.ts';
import { type Clock, systemClock } from '../../../provider/util/clock.ts';
import { scratchFolder } from '../../lab/scratch.ts';
import { type Certificate, makeCa, makeLeaf } from './certificates.ts';
import { startRawServer } from './raw-server.ts';

const message = { method: 'GET', path: '/', headers: {} };
const bounds = { timeout: 2000, connectTimeout: 1000, maxBytes: 1000 };
const never = new AbortController().signal;

/** A TLS server that answers with the name of its client's certificate. */
async function tlsServer(certificate: Certificate, clientCa?: Certificate): Promise<Server> {
  const clients = clientCa === undefined ? {} : { requestCert: true, ca: clientCa.cert };
  const server = createServer({ ...certificate, ...clients }, (request, response) => {
    response.end(JSON.stringify((request.socket as TLSSocket).getPeerCertificate().subject?.CN ?? null));
  });
  server.on('tlsClientError', () => {});
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return server;
}

const urlOf = (server: Server, host = '127.0.0.1') => `https://${host}:${(server.address() as AddressInfo).port}`;

describe('TLS', () => {
  const ca = makeCa();
  const otherCa = makeCa('another CA');
  let server: Server;
  let folder: string;

  before(async () => {
    server = await tlsServer(makeLeaf(ca));
    folder = scratchFolder('tls');
    writeFileSync(join(folder, 'ca.pem'), ca.cert);
    writeFileSync(join(folder, 'other.pem'), otherCa.cert);
  });
  after(() => server.close());

  const file = (name: string) => ({ path: join(folder, name) });

  function poolOf(t: TestContext, address: string, tls: Partial<TlsSettings>, clock: Clock = systemClock): Pool {
    const parsed = parseAddress(address);
    assert.ok('address' in parsed);
    const settings = { skipVerify: false, ...tls };
    const pool = createPool(
      { address: parsed.address, tls: settings, maxConcurrent: 2, proxy: undefined, guarded: false },
      { clock, random: () => 0.5, proxies: { https: undefined, http: undefined, no: [] } },
    );
    t.after(() => pool.close());
    return pool;
  }

  async function ask(pool: Pool): Promise<string> {
    const outcome = await pool.exchange(message, bounds, never);
    return 'reply' in outcome ? outcome.reply.body.toString() : formatError(outcome.failure);
  }

  it('trusts the CA of a file, of a directory, or none', async (t) => {
    mkdirSync(join(folder, 'cas'));
    writeFileSync(join(folder, 'cas', 'a.pem'), otherCa.cert);
    writeFileSync(join(folder, 'cas', 'b.pem'), ca.cert);
    mkdirSync(join(folder, 'cas', '..data'));
    for (const tls of [
      { ca: file('ca.pem') },
      { caDir: file('cas') },
      { skipVerify: true },
      { ca: file('ca.pem'), caDir: file('no') },
    ]) {
      assert.equal(await ask(poolOf(t, urlOf(server), tls)), 'null');
    }
  });

  it('refuses what it does not trust, and says which setting helps', async (t) => {
    const reason = 'it is signed by a CA that is not trusted here';
    const hint =
      'set the CA to the one that signed it: tls.ca of the connection, or of a class that names none dropIn.vault.tls.ca and the like (--vault-tls-ca-cert)';
    const text = `the TLS certificate of ${urlOf(server)} is not trusted: ${reason}; ${hint} [backend-untrusted]`;
    assert.equal(await ask(poolOf(t, urlOf(server), {})), text);
    assert.equal(await ask(poolOf(t, urlOf(server), { ca: file('other.pem') })), text);
  });

  it('holds the certificate against the host, or against the server name that is set', async (t) => {
    const named = await tlsServer(makeLeaf(ca, { names: 'DNS:vault.prod,DNS:b,DNS:c,DNS:d' }));
    t.after(() => named.close());
    const wrong = await ask(poolOf(t, urlOf(named, 'localhost'), { ca: file('ca.pem') }));
    assert.match(
      wrong,
      /is not trusted: it is for other names \(vault\.prod, b, c\) than localhost; use one of them.*tls\.serverName.* \[backend-untrusted\]$/,
    );
    assert.equal(await ask(poolOf(t, urlOf(named), { ca: file('ca.pem'), serverName: 'vault.prod' })), 'null');
    assert.match(await ask(poolOf(t, urlOf(server), { ca: file('ca.pem'), serverName: 'vault.prod' })), /other names/);
  });

  it('says that a certificate has expired', async (t) => {
    const old = await tlsServer(makeLeaf(ca, { days: 0 }));
    t.after(() => old.close());
    await systemClock.sleep(1100);
    assert.match(
      await ask(poolOf(t, urlOf(old), { ca: file('ca.pem') })),
      /it has expired; renew the certificate of the server/,
    );
  });

  it('shows its client certificate, and says when one is wanted', async (t) => {
    const strict = await tlsServer(makeLeaf(ca), ca);
    t.after(() => strict.close());
    const client = makeLeaf(ca);
    writeFileSync(join(folder, 'client.pem'), client.cert);
    writeFileSync(join(folder, 'client.key'), client.key);
    const tls = { ca: file('ca.pem'), cert: file('client.pem'), key: file('client.key') };
    assert.equal(await ask(poolOf(t, urlOf(strict), tls)), '"leaf"');
    assert.match(
      await ask(poolOf(t, urlOf(strict), { ca: file('ca.pem') })),
      /refused the TLS handshake.*client certificate|connection (?:reset|closed)/,
    );
  });

  it('tells http from https', async (t) => {
    const plain = await startRawServer(() => 'HTTP/1.1 400 Bad Request\r\n\r\n');
    t.after(() => plain.close());
    const text = await ask(poolOf(t, `https://127.0.0.1:${plain.port}`, { ca: file('ca.pem') }));
    assert.match(
      text,
      /does not speak TLS; if the server has TLS disabled, its address begins with http:\/\/ \[backend-untrusted\]$/,
    );
  });

  it('says which file it cannot use', async (t) => {
    writeFileSync(join(folder, 'empty.pem'), 'no PEM');
    writeFileSync(join(folder, 'stray.key'), makeLeaf(ca).key);
    writeFileSync(join(folder, 'client.pem'), makeLeaf(ca).cert);
    assert.match(
      await ask(poolOf(t, urlOf(server), { ca: file('gone.pem') })),
      /cannot read the TLS file .*gone\.pem: ENOENT \[backend-untrusted\]/,
    );
    assert.match(
      await ask(poolOf(t, urlOf(server), { ca: file('empty.pem') })),
      /cannot use the TLS file .*empty\.pem: it holds no certificate in PEM \[backend-untrusted\]/,
    );
    const stray = await ask(poolOf(t, urlOf(server), { cert: file('client.pem'), key: file('stray.key') }));
    assert.match(stray, /cannot use the TLS files.*belong together/);
    assert.match(
      await ask(poolOf(t, urlOf(server), { cert: file('empty.pem'), key: file('stray.key') })),
      /cannot use the TLS files/,
    );
  });

  it('takes files of classes only below the directory for them, symlinks resolved', async (t) => {
    mkdirSync(join(folder, 'allowed'), { recursive: true });
    writeFileSync(join(folder, 'allowed', 'ca.pem'), ca.cert);
    symlinkSync(join(folder, 'ca.pem'), join(folder, 'allowed', 'out.pem'));
    const below = join(folder, 'allowed');
    const asking = (path: string) => ask(poolOf(t, urlOf(server), { ca: { path: join(folder, path), below } }));
    assert.equal(await asking('allowed/ca.pem'), 'null');
    for (const path of ['ca.pem', 'allowed/../ca.pem', 'allowed/out.pem', 'allowed']) {
      assert.match(await asking(path), /does not lie below|cannot read/, path);
    }
  });

  it("takes no file of a class that is one of the admin's own, by whatever name", async (t) => {
    const below = join(folder, 'shared');
    mkdirSync(below);
    const own = makeLeaf(ca);
    for (const [name, text] of [
      ['admin.pem', own.cert],
      ['admin.key', own.key],
    ] as const)
      writeFileSync(join(below, name), text);
    symlinkSync('admin.pem', join(below, 'link.pem'));
    linkSync(join(below, 'admin.key'), join(below, 'hard.key'));
    const theirs = makeLeaf(ca);
    writeFileSync(join(below, 'class.pem'), theirs.cert);
    writeFileSync(join(below, 'class.key'), theirs.key);
    const notOf = [join(below, 'admin.pem'), join(below, 'admin.key'), join(below, 'gone.pem')];
    const file = (name: string) => ({ path: join(below, name), below, notOf });
    const asking = (cert: string, key: string) => ask(poolOf(t, urlOf(server), { cert: file(cert), key: file(key) }));
    for (const cert of ['admin.pem', 'link.pem', './admin.pem']) {
      assert.match(await asking(cert, 'hard.key'), /is one of the admin's own.*\[address-not-allowed\]/, cert);
    }
    assert.match(await asking('class.pem', 'hard.key'), /hard\.key is one of the admin's own/);
    assert.doesNotMatch(await asking('class.pem', 'class.key'), /admin's own/);
  });

  it('takes up files that were replaced, as ConfigMap volumes are, and keeps what worked meanwhile', async (t) => {
    let now = 0;
    const clock: Clock = { ...systemClock, now: () => now };
    const volume = join(folder, 'volume');
    mkdirSync(join(volume, '..one'), { recursive: true });
    mkdirSync(join(volume, '..two'));
    writeFileSync(join(volume, '..one', 'ca.pem'), ca.cert);
    writeFileSync(join(volume, '..two', 'ca.pem'), otherCa.cert);
    symlinkSync('..one', join(volume, '..data'));
    symlinkSync('..data/ca.pem', join(volume, 'ca.pem'));
    const moving = await tlsServer(makeLeaf(ca));
    t.after(() => moving.close());
    const pool = poolOf(t, urlOf(moving), { ca: { path: join(volume, 'ca.pem') } }, clock);
    assert.equal(await ask(pool), 'null');

    moving.setSecureContext(makeLeaf(otherCa));
    moving.closeAllConnections();
    rmSync(join(volume, 'ca.pem'));
    now += 6_000;
    assert.match(await ask(pool), /is not trusted/, 'the file is away: the old CA still counts');

    symlinkSync('..two', join(volume, '..new'));
    renameSync(join(volume, '..new'), join(volume, '..data'));
    symlinkSync('..data/ca.pem', join(volume, 'ca.pem'));
    now += 300;
    assert.equal(await ask(pool), 'null');
  });
});

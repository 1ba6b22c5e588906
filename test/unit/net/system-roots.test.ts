import assert from 'node:assert/strict';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, it, type TestContext } from 'node:test';
import { getCACertificates } from 'node:tls';
import { readSystemRoots } from '../../../provider/net/system-roots.ts';
import { createTrust } from '../../../provider/net/trust.ts';
import { scratchFolder } from '../../lab/scratch.ts';
import { makeCa, makeLeaf } from './certificates.ts';
import { askTls, poolTo, startTls } from './tls-lab.ts';

describe("the system's CAs", () => {
  const [a, b, c] = [makeCa('a'), makeCa('b'), makeCa('c')];
  const server = (t: TestContext) => startTls(t, makeLeaf(a));
  let folder: string;
  let told: [string, string][];
  const tell = (path: string, reason: string) => void told.push([path, reason]);
  const at = (name: string) => join(folder, name);

  beforeEach(() => {
    folder = scratchFolder('roots');
    told = [];
    for (const name of ['one', 'two', 'empty']) mkdirSync(at(name));
    writeFileSync(at('file.pem'), a.cert);
    writeFileSync(at('one/b.pem'), b.cert);
    writeFileSync(at('two/c.crt'), c.cert);
  });

  const read = (file: string | undefined, ...dirs: string[]) =>
    readSystemRoots({ file: file === undefined ? undefined : at(file), dirs: dirs.map(at).join(':') }, tell);

  it('are those of the file and of all files of all directories', async () => {
    assert.deepEqual(await read('file.pem', 'one', 'two'), [a.cert, b.cert, c.cert]);
    assert.deepEqual(await read('file.pem', 'empty'), [a.cert]);
    assert.deepEqual(told, []);
  });

  it('are each there once, and links within a directory lead nowhere', async () => {
    writeFileSync(at('one/again.pem'), a.cert + b.cert);
    symlinkSync('b.pem', at('one/0a1b2c3d.0'));
    symlinkSync(at('two/c.crt'), at('one/linked.pem'));
    assert.deepEqual(await read('file.pem', 'one'), [a.cert, b.cert, c.cert]);
  });

  it('lack what cannot be read, which is told where it was named', async () => {
    assert.deepEqual(await read('gone.pem', 'gone', 'one'), [b.cert]);
    assert.deepEqual(told, [[at('gone.pem'), 'it cannot be read, or is larger than 4 MiB']]);
    writeFileSync(at('file.pem'), `-----BEGIN CERTIFICATE-----\nTUlJ\n-----END CERTIFICATE-----\n${a.cert}`);
    assert.deepEqual(await read('file.pem', 'empty'), [a.cert]);
    assert.match(told[1]?.[1] ?? '', /^1 block is no certificate/);
  });

  it('count for a connection without CAs of its own, and for no other', async (t) => {
    const trust = createTrust({ file: at('file.pem'), dirs: at('empty') }, tell);
    assert.equal(await askTls(poolTo(t, await server(t), {}, { trust })), 'ok');
    const own = { ca: { path: at('one/b.pem') } };
    assert.match(await askTls(poolTo(t, await server(t), own, { trust })), /is not trusted/);
    const other = createTrust({ file: at('one/b.pem'), dirs: at('empty') }, tell);
    assert.match(await askTls(poolTo(t, await server(t), {}, { trust: other })), /is not trusted/);
  });

  it('count beside a client certificate as well', async (t) => {
    const trust = createTrust({ file: at('file.pem'), dirs: at('empty') }, tell);
    const client = makeLeaf(b);
    writeFileSync(at('client.pem'), client.cert);
    writeFileSync(at('client.key'), client.key);
    const tls = { cert: { path: at('client.pem') }, key: { path: at('client.key') } };
    assert.equal(await askTls(poolTo(t, await server(t), tls, { trust })), 'ok');
  });

  it('are read once, for all connections, and make one context', async () => {
    const trust = createTrust({ file: at('file.pem'), dirs: at('empty') }, tell);
    const [one, two] = await Promise.all([trust.system(), trust.system()]);
    rmSync(at('file.pem'));
    assert.equal(one, two);
    assert.equal(await trust.system(), one);
    assert.deepEqual(one.cas, [a.cert, ...getCACertificates('extra')]);
  });

  it('that are named and not there trust nobody, are read again, and matter to nobody who verifies nothing', async (t) => {
    const trust = createTrust({ file: at('later.pem'), dirs: at('empty') }, tell);
    const pool = poolTo(t, await server(t), {}, { trust });
    assert.match(
      await askTls(pool),
      /^the CAs of the system cannot be used: there is no certificate in .*later\.pem and .*empty; the admin.*\[backend-untrusted\]$/,
    );
    assert.equal(await askTls(poolTo(t, await server(t), { skipVerify: true }, { trust })), 'ok');
    writeFileSync(at('later.pem'), a.cert);
    assert.equal(await askTls(pool), 'ok');
  });
});

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { readPemBundle } from '../../../provider/net/pem-bundle.ts';
import { createTrust } from '../../../provider/net/trust.ts';
import { scratchFolder } from '../../lab/scratch.ts';
import { makeCa, makeLeaf } from './certificates.ts';
import { askTls, poolTo, startTls } from './tls-lab.ts';

describe('a bundle of CAs', () => {
  const one = makeCa('one');
  const two = makeCa('two');
  const folder = scratchFolder('bundle');
  const block = (label: string, body: string) => `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`;
  const broken = block('CERTIFICATE', 'TUlJQ');
  const revoked = block('X509 CRL', 'MIIBzzCBuAIBATANBgkqhkiG9w0BAQsFADA=');
  const unfinished = `${one.cert.slice(0, -40)}\n`;

  const bundles: Record<string, [string, number]> = {
    'a broken block': [broken + two.cert, 1],
    'a broken block behind': [two.cert + broken, 1],
    'a block without an end': [unfinished + two.cert, 1],
    'a revocation list and Windows line ends': [(revoked + two.cert).replaceAll('\n', '\r\n'), 1],
    'a key': [one.key + two.cert, 1],
    'text around it, and no line end': [`Certificate:\n  Data: x\n# ----- two\n${two.cert.trimEnd()}`, 0],
    'a byte order mark': [`\uFEFF${two.cert}`, 0],
    'another CA': [one.cert + two.cert, 0],
    'a certificate with letters that are no base64': [one.cert.replace('\nMII', '\n*II') + two.cert, 1],
    'the old name of a certificate': [two.cert.replaceAll('CERTIFICATE', 'X509 CERTIFICATE'), 0],
  };

  let told: [string, string][];
  before(() => mkdirSync(join(folder, 'cas')));
  const listen = () => {
    told = [];
    return createTrust({ file: undefined, dirs: undefined }, (path, reason) => told.push([path, reason]));
  };

  for (const [name, [text, leftOut]] of Object.entries(bundles)) {
    it(`is used with ${name}`, async (t) => {
      assert.equal(readPemBundle(text).leftOut, leftOut);
      const server = await startTls(t, makeLeaf(two));
      const path = join(folder, 'ca.pem');
      writeFileSync(path, text);
      const trust = listen();
      assert.equal(await askTls(poolTo(t, server, { ca: { path } }, { trust })), 'ok');
      assert.equal(await askTls(poolTo(t, server, { ca: { path } }, { trust })), 'ok');
      assert.equal(told.length, leftOut === 0 ? 0 : 1, 'told once');
      if (leftOut > 0) assert.deepEqual(told[0]?.[0], path);
      assert.equal(await askTls(poolTo(t, server, { ca: { pem: text } }, { trust })), 'ok', 'as text');
    });
  }

  it('is told of without a word of what is in it', async (t) => {
    const path = join(folder, 'key.pem');
    writeFileSync(path, one.key + two.cert);
    const trust = listen();
    assert.equal(await askTls(poolTo(t, await startTls(t, makeLeaf(two)), { ca: { path } }, { trust })), 'ok');
    assert.deepEqual(told, [[path, '1 block is no certificate that can be read and left out; 1 certificate is used']]);
  });

  it('may be a directory, each file of it on its own', async (t) => {
    writeFileSync(join(folder, 'cas', 'a.pem'), broken);
    writeFileSync(join(folder, 'cas', 'b.pem'), two.cert);
    const trust = listen();
    const server = await startTls(t, makeLeaf(two));
    assert.equal(await askTls(poolTo(t, server, { caDir: { path: join(folder, 'cas') } }, { trust })), 'ok');
    assert.equal(told[0]?.[0], join(folder, 'cas', 'a.pem'));
  });

  it('of nothing usable is an error that names it', async (t) => {
    const server = await startTls(t, makeLeaf(two));
    for (const text of ['', 'no PEM', broken, revoked, one.key, unfinished]) {
      const path = join(folder, 'none.pem');
      writeFileSync(path, text);
      assert.match(
        await askTls(poolTo(t, server, { ca: { path } })),
        /^cannot use the TLS file .*none\.pem: it holds no certificate in PEM \[backend-untrusted\]$/,
      );
    }
  });
});

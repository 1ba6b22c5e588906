import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { orderChain, readPem, splitPem, toPem } from '../../../provider/render/pem.ts';
import { scratchFolder } from '../../lab/scratch.ts';

const folder = scratchFolder('chain');
const path = (name: string) => join(folder, name);

/** A certificate by an issuer, or by itself. */
function makeCertificate(name: string, issuer?: string): Buffer {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'ignore'] });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', path(`${name}.key`)];
  if (issuer === undefined) {
    openssl('req', '-x509', '-days', '2', ...key, '-subj', `/CN=${name}`, '-out', path(`${name}.crt`));
  } else {
    writeFileSync(path('ext'), 'basicConstraints=CA:TRUE\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n');
    openssl('req', '-new', ...key, '-subj', `/CN=${name}`, '-out', path('request'));
    const by = ['-CA', path(`${issuer}.crt`), '-CAkey', path(`${issuer}.key`), '-CAcreateserial', '-days', '2'];
    openssl('x509', '-req', '-in', path('request'), ...by, '-extfile', path('ext'), '-out', path(`${name}.crt`));
  }
  return Buffer.from(new X509Certificate(readFileSync(path(`${name}.crt`))).raw);
}

describe('orderChain', () => {
  let root: Buffer;
  let upper: Buffer;
  let lower: Buffer;
  let leaf: Buffer;
  before(() => {
    root = makeCertificate('root');
    upper = makeCertificate('upper', 'root');
    lower = makeCertificate('lower', 'upper');
    leaf = makeCertificate('leaf', 'lower');
  });

  it('puts the server first and the root last, whatever the order was', () => {
    for (const given of [
      [root, upper, lower, leaf],
      [leaf, root, lower, upper],
      [upper, leaf, root, lower],
    ]) {
      assert.deepEqual(orderChain(given), [leaf, lower, upper, root]);
    }
    assert.deepEqual(orderChain([lower, leaf]), [leaf, lower]);
  });

  it('leaves an incomplete chain as it is', () => {
    assert.deepEqual(orderChain([root, leaf]), [root, leaf]);
    assert.deepEqual(orderChain([upper, leaf, root]), [upper, leaf, root]);
  });

  it('leaves alone what cannot be ordered: one, none, twice the same, and no certificates', () => {
    assert.deepEqual(orderChain([]), []);
    assert.deepEqual(orderChain([leaf]), [leaf]);
    assert.deepEqual(orderChain([root, root]), [root, root]);
    assert.deepEqual(orderChain([leaf, Buffer.from('x')]), [leaf, Buffer.from('x')]);
  });
});

describe('PEM', () => {
  it('is written in lines of 64 characters, as Go and OpenSSL write it', () => {
    const text = toPem('CERTIFICATE', Buffer.alloc(100, 0xff));
    assert.deepEqual(
      text.split('\n').map(({ length }) => length),
      [27, 64, 64, 8, 25, 0],
    );
    assert.deepEqual(readPem(text), [{ label: 'CERTIFICATE', der: Buffer.alloc(100, 0xff) }]);
  });

  it('splits certificates from everything else, and leaves out what is broken', () => {
    const certificate = toPem('CERTIFICATE', Buffer.from('c'));
    const key = toPem('PRIVATE KEY', Buffer.from('k'));
    const parts = { certificates: certificate + certificate, key };
    assert.deepEqual(splitPem(`Bag Attributes\n${certificate}\r\nnoise\n${key}${certificate}`), parts);
    assert.deepEqual(splitPem('-----BEGIN CERTIFICATE-----\n***\n-----END CERTIFICATE-----\n'), {
      certificates: '',
      key: '',
    });
    assert.deepEqual(splitPem(''), { certificates: '', key: '' });
  });

  it('takes its headers for no content', () => {
    const text = '-----BEGIN KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: x\n\naw==\n-----END KEY-----\n';
    assert.deepEqual(readPem(text), [{ label: 'KEY', der: Buffer.from('k') }]);
  });

  it('takes no longer than its length for a text that is made to be slow', () => {
    const started = performance.now();
    const many = Array.from({ length: 100_000 }, (_, index) => `-----BEGIN A${index % 7}-----\nAA\n`).join('');
    assert.deepEqual(readPem(`${many}-----END B-----`), []);
    assert.deepEqual(readPem(many), []);
    assert.ok(performance.now() - started < 2_000);
  });
});

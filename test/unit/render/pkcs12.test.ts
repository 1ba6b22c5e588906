import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { KeymountError } from '../../../provider/errors.ts';
import { toPem } from '../../../provider/render/pem.ts';
import { readPkcs12 } from '../../../provider/render/pkcs12.ts';
import { scratchFolder } from '../../lab/scratch.ts';

const folder = scratchFolder('pkcs12');
const path = (name: string) => join(folder, name);

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'ignore'] });
}

/** A key with its certificate, PEM. */
function makePair(name: string, ...key: string[]): void {
  const names = ['-keyout', path(`${name}.key`), '-out', path(`${name}.crt`), '-subj', `/CN=${name}`];
  openssl('req', '-x509', '-days', '2', '-nodes', '-newkey', ...key, ...names);
}

/** A file of the pair as OpenSSL makes it. */
function exported(name: string, ...options: string[]): Buffer {
  const input = ['-inkey', path(`${name}.key`), '-in', path(`${name}.crt`), '-out', path('out.p12')];
  const password = options.includes('-passout') ? [] : ['-passout', 'pass:'];
  openssl('pkcs12', '-export', ...input, ...password, ...options);
  return readFileSync(path('out.p12'));
}

/** What Key Vault's users expect: the key, then the certificates. */
async function textOf(file: Buffer): Promise<string> {
  const { keys, certificates } = await readPkcs12(file);
  return [
    ...keys.map((der) => toPem('PRIVATE KEY', der)),
    ...certificates.map((der) => toPem('CERTIFICATE', der)),
  ].join('');
}

async function refusal(file: Buffer): Promise<string> {
  const thrown = await readPkcs12(file).catch((error: unknown) => error);
  assert.ok(thrown instanceof KeymountError, `not refused: ${String(thrown)}`);
  assert.equal(thrown.code, 'value-invalid');
  return thrown.reason ?? '';
}

describe('readPkcs12', () => {
  before(() => {
    makePair('rsa', 'rsa:2048');
    makePair('ec', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384');
  });

  const des = ['-keypbe', 'PBE-SHA1-3DES', '-certpbe', 'PBE-SHA1-3DES', '-macalg', 'sha1'];
  const forms: Record<string, string[]> = {
    'modern, AES-256 with PBKDF2': [],
    'old, 3DES': des,
    'AES-128 and a MAC with SHA-512': ['-keypbe', 'AES-128-CBC', '-certpbe', 'AES-128-CBC', '-macalg', 'sha512'],
    'without encryption': ['-keypbe', 'NONE', '-certpbe', 'NONE'],
    'without a MAC': ['-nomac'],
  };
  for (const [form, options] of Object.entries(forms)) {
    for (const name of ['rsa', 'ec']) {
      it(`reads key and certificate byte by byte: ${name}, ${form}`, async () => {
        const pem = readFileSync(path(`${name}.key`), 'utf8') + readFileSync(path(`${name}.crt`), 'utf8');
        assert.equal(await textOf(exported(name, ...options)), pem);
      });
    }
  }

  // Made with `openssl pkcs12 -export -legacy`, which not every OpenSSL has.
  for (const name of ['ec-legacy', 'rsa-rc2-128']) {
    it(`reads what Windows wrote for decades, RC2: ${name}`, async () => {
      const fixture = (suffix: string) => readFileSync(new URL(`pkcs12/${name}.${suffix}`, import.meta.url));
      assert.equal(await textOf(fixture('p12')), fixture('pem').toString());
    });
  }

  it('refuses a file with a password, and a damaged one', async () => {
    assert.match(await refusal(exported('ec', '-passout', 'pass:secret')), /has a password, or is damaged/);
    assert.match(await refusal(exported('ec', '-nomac', '-passout', 'pass:secret')), /without a password/);
    const damaged = exported('ec');
    damaged[damaged.length >> 1] = (damaged[damaged.length >> 1] ?? 0) ^ 1;
    await refusal(damaged);
  });

  it('refuses key derivations that take too long before it begins', async () => {
    assert.match(await refusal(exported('ec', '-iter', '70000')), /more than 60000 rounds/);
    assert.match(await refusal(exported('ec', ...des, '-iter', '70000', '-nomac')), /more than 60000 rounds/);
    assert.match(await refusal(exported('ec', '-iter', '1100000', '-nomac')), /more than 1000000 rounds/);
  });

  it('refuses everything that is no PKCS#12, cut off at any byte, without hanging', async () => {
    const whole = exported('ec');
    for (let length = 0; length < whole.length; length += 7) await refusal(whole.subarray(0, length));
    await refusal(Buffer.alloc(1000, 0x30));
    await refusal(Buffer.from('not a file'));
    assert.match(await refusal(Buffer.alloc(300 * 1024)), /more than 256 KiB/);
  });
});

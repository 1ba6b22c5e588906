import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scratchFolder } from '../../lab/scratch.ts';

/** PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface LeafOptions {
  /** As OpenSSL writes subjectAltName; `IP:127.0.0.1,DNS:localhost` unless told, empty for none. */
  names?: string;
  /** The common name. */
  commonName?: string;
  /** For how many days; 0 for one that ends as it is made, less for one that has ended. */
  days?: number;
  /** Bits of an RSA key; an elliptic curve unless told. */
  rsa?: number;
  /** Digest of the signature; SHA-256 unless told. */
  digest?: 'sha1' | 'sha256';
  /** Whole line of keyUsage or the like, besides. */
  extension?: string;
}

/** A new certificate authority. */
export function makeCa(name = 'test CA'): Certificate {
  return within((path) => {
    openssl(['req', '-x509', '-days', '2', ...newKey(path('k')), '-subj', `/CN=${name}`, '-out', path('c')]);
    return { cert: read(path('c')), key: read(path('k')) };
  });
}

/** An authority by another one. */
export function makeIntermediate(ca: Certificate, days = 2): Certificate {
  return makeLeaf(ca, { days, names: 'DNS:intermediate.invalid', extension: 'basicConstraints=critical,CA:TRUE' });
}

/** A server's certificate that is by itself and no CA, with the hardest key usages. */
export function makeSelfSigned({ names = 'IP:127.0.0.1,DNS:localhost', days = 2 }: LeafOptions = {}): Certificate {
  return within((path) => {
    const extensions = [`subjectAltName=${names}`, 'basicConstraints=critical,CA:FALSE', 'keyUsage=digitalSignature'];
    writeFileSync(path('ext'), extensions.join('\n'));
    openssl(['req', '-new', ...newKey(path('k')), '-subj', '/CN=self', '-out', path('r')]);
    const signed = ['-signkey', path('k'), '-extfile', path('ext'), '-days', String(days)];
    openssl(['x509', '-req', '-in', path('r'), ...signed, '-out', path('c')]);
    return { cert: read(path('c')), key: read(path('k')) };
  });
}

/** A certificate by the authority, for servers and clients alike. */
export function makeLeaf(
  ca: Certificate,
  { names = 'IP:127.0.0.1,DNS:localhost', days = 2, rsa, extension, commonName, digest = 'sha256' }: LeafOptions = {},
): Certificate {
  return within((path) => {
    writeFileSync(path('ca'), ca.cert);
    writeFileSync(path('cakey'), ca.key, { mode: 0o600 });
    writeFileSync(path('ext'), `${names === '' ? '' : `subjectAltName=${names}`}\n${extension ?? ''}\n`);
    const subject = `/CN=${commonName ?? (extension?.includes('CA:TRUE') ? 'intermediate' : 'leaf')}`;
    openssl(['req', '-new', ...newKey(path('k'), rsa), '-subj', subject, '-out', path('r')]);
    const signed = ['-CA', path('ca'), '-CAkey', path('cakey'), '-CAcreateserial', '-extfile', path('ext')];
    openssl(['x509', '-req', `-${digest}`, '-in', path('r'), ...signed, '-days', String(days), '-out', path('c')]);
    return { cert: read(path('c')), key: read(path('k')) };
  });
}

function newKey(file: string, rsa?: number): string[] {
  const key = rsa === undefined ? ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] : [`rsa:${rsa}`];
  return ['-newkey', ...key, '-nodes', '-keyout', file];
}

function within(make: (path: (name: string) => string) => Certificate): Certificate {
  const folder = scratchFolder('pem');
  return make((name) => join(folder, name));
}

function openssl(args: string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'ignore'] });
}

function read(file: string): string {
  return readFileSync(file, 'utf8');
}

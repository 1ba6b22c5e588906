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
  /** As OpenSSL writes subjectAltName; `IP:127.0.0.1,DNS:localhost` unless told. */
  names?: string;
  /** For how many days; 0 for one that ends as it is made. */
  days?: number;
}

/** A new certificate authority. */
export function makeCa(name = 'test CA'): Certificate {
  return within((path) => {
    openssl(['req', '-x509', '-days', '2', ...newKey(path('k')), '-subj', `/CN=${name}`, '-out', path('c')]);
    return { cert: read(path('c')), key: read(path('k')) };
  });
}

/** A certificate by the authority, for servers and clients alike. */
export function makeLeaf(
  ca: Certificate,
  { names = 'IP:127.0.0.1,DNS:localhost', days = 2 }: LeafOptions = {},
): Certificate {
  return within((path) => {
    writeFileSync(path('ca'), ca.cert);
    writeFileSync(path('cakey'), ca.key, { mode: 0o600 });
    writeFileSync(path('ext'), `subjectAltName=${names}\n`);
    openssl(['req', '-new', ...newKey(path('k')), '-subj', '/CN=leaf', '-out', path('r')]);
    const signed = ['-CA', path('ca'), '-CAkey', path('cakey'), '-CAcreateserial', '-extfile', path('ext')];
    openssl(['x509', '-req', '-in', path('r'), ...signed, '-days', String(days), '-out', path('c')]);
    return { cert: read(path('c')), key: read(path('k')) };
  });
}

function newKey(file: string): string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', file];
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

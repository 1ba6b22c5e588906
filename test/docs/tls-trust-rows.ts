import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeCa, makeIntermediate, makeLeaf } from '../unit/net/certificates.ts';
import type { Order } from './tls-clients.ts';
import type { TlsLab } from './tls-lab.ts';
import { at, broken, by, held, intermediate, leaf, named, type Row, revoked, root } from './tls-orders.ts';

async function system(lab: TlsLab, env: (file: string, directory: string) => Record<string, string>): Promise<Order> {
  const url = at(await lab.serve(leaf, [intermediate]));
  const directory = join(lab.folder, `roots-${url.length}-${Math.random()}`);
  mkdirSync(directory);
  writeFileSync(join(directory, 'any-name'), root.cert);
  return { url, env: env(lab.file(root.cert), directory) };
}

const anchors: Row[] = [
  { topic: 'anchors', what: 'the CA file holds the root', order: held(root.cert) },
  { topic: 'anchors', what: 'only the intermediate', order: held(intermediate.cert) },
  { topic: 'anchors', what: "only the server's own certificate", order: held(leaf.cert) },
  { topic: 'anchors', what: 'another CA', order: held(makeCa('other').cert) },
  {
    topic: 'anchors',
    what: 'an intermediate that has expired',
    async order(lab) {
      const old = makeIntermediate(root, -1);
      return { url: at(await lab.serve(makeLeaf(old), [old])), ca: old.cert };
    },
  },
];

const roots: Row[] = [
  {
    topic: 'system roots',
    what: '`SSL_CERT_FILE`',
    order: (lab) => system(lab, (file) => ({ SSL_CERT_FILE: file, SSL_CERT_DIR: '/nowhere' })),
  },
  {
    topic: 'system roots',
    what: '`SSL_CERT_DIR`, two directories',
    order: (lab) => system(lab, (_file, dir) => ({ SSL_CERT_FILE: '/nowhere', SSL_CERT_DIR: `/nowhere:${dir}` })),
  },
  {
    topic: 'system roots',
    what: 'neither, with a CA of our own',
    order: (lab) => system(lab, () => ({})),
  },
  {
    topic: 'system roots',
    what: 'both, and nothing is there',
    order: (lab) => system(lab, () => ({ SSL_CERT_FILE: '/nowhere', SSL_CERT_DIR: '/nowhere' })),
  },
];

const bundles: Row[] = [
  { topic: 'bundles', what: 'a broken block before the CA', order: held(broken + root.cert) },
  {
    topic: 'bundles',
    what: 'a revocation list before it, Windows line ends',
    order: held((revoked + root.cert).replaceAll('\n', '\r\n')),
  },
  {
    topic: 'bundles',
    what: 'text around it, no line end',
    order: held(`Certificate:\n  Data:\n${root.cert.trimEnd()}`),
  },
  {
    topic: 'bundles',
    what: 'a byte order mark before it',
    why: 'editors on Windows write one; it says nothing about whom to trust',
    order: held(`\uFEFF${root.cert}`),
  },
  { topic: 'bundles', what: 'no certificate that can be read', order: held(broken) },
];

const strength: Row[] = [
  {
    topic: 'key strength',
    what: 'RSA, 1024 bits',
    why: 'OpenSSL asks for 112 bits of security, as NIST SP 800-131A does; Go takes it for the sake of old servers',
    order: by({ rsa: 1024 }),
  },
  { topic: 'key strength', what: 'RSA, 2048 bits', order: by({ rsa: 2048 }) },
  { topic: 'key strength', what: 'a signature with SHA-1', order: by({ digest: 'sha1' }) },
];

const names: Row[] = [
  {
    topic: 'names',
    what: 'the name is the common name alone',
    why: 'Node still takes the common name where there is no alternative name at all; the chain is checked as always',
    order: by({ names: '', commonName: 'vault.test' }, { serverName: 'vault.test' }),
  },
  {
    topic: 'names',
    what: '`*.vault.test` for `a.vault.test`',
    order: by({ names: 'DNS:*.vault.test' }, { serverName: 'a.vault.test' }),
  },
  {
    topic: 'names',
    what: '`*.vault.test` for `a.b.vault.test`',
    order: by({ names: 'DNS:*.vault.test' }, { serverName: 'a.b.vault.test' }),
  },
  {
    topic: 'names',
    what: '`*.vault.test` for `vault.test`',
    order: by({ names: 'DNS:*.vault.test' }, { serverName: 'vault.test' }),
  },
  { topic: 'names', what: 'capital letters', order: by({ names: 'DNS:Vault.TEST' }, { serverName: 'vault.test' }) },
  { topic: 'names', what: 'an IP address, in the certificate as such', order: by({ names: 'IP:127.0.0.1' }) },
  { topic: 'names', what: 'an IP address, in the certificate as a name', order: by({ names: 'DNS:127.0.0.1' }) },
  { topic: 'names', what: 'a trailing dot, `https://vault.test.`', order: named('vault.test.', ['127.0.0.1']) },
];

/** Whom the clients trust. */
export const trustRows: readonly Row[] = [...anchors, ...roots, ...bundles, ...strength, ...names];

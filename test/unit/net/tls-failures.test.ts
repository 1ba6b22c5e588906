import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import type { ServerOptions } from 'node:https';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { connectionFailure } from '../../../provider/net/connection-error.ts';
import { scratchFolder } from '../../lab/scratch.ts';
import { type Certificate, makeCa, makeLeaf } from './certificates.ts';
import { outcomeOf, poolTo, startTls } from './tls-lab.ts';

const peer = { address: 'https://vault:8200', endpoint: 'vault:8200' };

describe('failures of TLS', () => {
  const ca = makeCa();
  const path = join(scratchFolder('failures'), 'ca.pem');
  writeFileSync(path, ca.cert);
  const good = makeLeaf(ca);

  async function failureAt(t: TestContext, own: Certificate, options: ServerOptions = {}) {
    const server = await startTls(t, own, [], options);
    const outcome = await outcomeOf(poolTo(t, server, { ca: { path } }));
    assert.ok('failure' in outcome);
    const { code, message, reason, hint } = outcome.failure;
    return { ...outcome, code, text: `${message}: ${reason}`, hint: hint ?? '' };
  }

  it('for a weak key or signature say so, and are not tried again', async (t) => {
    const weak = await failureAt(t, makeLeaf(ca, { rsa: 1024 }));
    assert.equal(weak.code, 'backend-untrusted');
    assert.equal(weak.transient, false);
    assert.match(weak.text, /is not trusted: EE certificate key too weak$/);
    assert.match(weak.hint, /2048 bits/);
  });

  const servers: Record<string, [ServerOptions, RegExp]> = {
    'a protocol version that is too old': [
      { minVersion: 'TLSv1', maxVersion: 'TLSv1.1' },
      /no TLS connection to .*: .*(?:protocol version|unsupported protocol)$/,
    ],
    'a client certificate that is wanted, TLS 1.2': [
      { requestCert: true, ca: ca.cert, maxVersion: 'TLSv1.2' },
      /refused the TLS handshake: .*handshake failure$/,
    ],
    'a cipher that nobody offers': [
      { maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA:@SECLEVEL=0' },
      /refused the TLS handshake: .*handshake failure$/,
    ],
  };
  for (const [name, [options, text]] of Object.entries(servers)) {
    it(`for ${name} are no network faults`, async (t) => {
      const found = await failureAt(t, good, options);
      assert.equal(found.code, 'backend-untrusted');
      assert.equal(found.transient, false);
      assert.match(found.text, text);
    });
  }

  it('before anything was sent are told as such', async (t) => {
    const refused = await failureAt(t, makeLeaf(makeCa('other')));
    assert.equal(refused.unsent, true);
    const named = await failureAt(t, makeLeaf(ca, { names: 'DNS:other.test' }));
    assert.equal(named.unsent, true);
  });

  it('are known by whatever Node says of them', () => {
    const openssl = (reason: string) => `40AD:error:0A00018E:SSL routines:f:${reason}:../deps/x.c:1:\n`;
    for (const [error, reason] of [
      [
        { code: 'UNSPECIFIED', message: 'CA signature digest algorithm too weak' },
        'CA signature digest algorithm too weak',
      ],
      [
        { code: 'CERT_CHAIN_TOO_LONG', message: 'certificate chain too long; try --use-system-ca' },
        'certificate chain too long',
      ],
      [{ code: 'CERT_REJECTED', message: 'certificate rejected' }, 'certificate rejected'],
      [{ code: 'ERR_SSL_CA_MD_TOO_WEAK', message: openssl('ca md too weak') }, 'ca md too weak'],
      [{ code: 'ERR_SSL_EE_KEY_TOO_SMALL', message: 'x' }, 'ee key too small'],
      [{ code: 'EPROTO', message: `write EPROTO ${openssl('dh key too small')}` }, 'dh key too small'],
      [
        { code: 'EPROTO', message: `write EPROTO ${openssl('tlsv1 alert internal error')}` },
        'tlsv1 alert internal error',
      ],
      [{ message: openssl('bad signature'), library: 'SSL routines', reason: 'bad signature' }, 'bad signature'],
      [{ message: 'x', library: 'x509 certificate routines', reason: 'unknown key type' }, 'unknown key type'],
      [{ code: 'ERR_OSSL_EVP_UNSUPPORTED', message: 'x' }, 'evp unsupported'],
    ] as const) {
      const { failure, transient } = connectionFailure(error, peer);
      assert.equal(failure.code, 'backend-untrusted', reason);
      assert.equal(failure.reason, reason);
      assert.equal(transient, false);
    }
  });

  it('are not what merely interrupts a handshake', async (t) => {
    for (const code of ['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EPROTO', 'ERR_SSL_UNEXPECTED_EOF_WHILE_READING', '']) {
      const { failure, transient } = connectionFailure({ code, message: `write ${code}` }, peer);
      assert.equal(failure.code, 'backend-unreachable', code);
      assert.equal(transient, true);
    }
    const hasty = createServer((socket) => socket.once('data', () => socket.destroy()));
    await new Promise<void>((resolve) => hasty.listen(0, '127.0.0.1', resolve));
    t.after(() => hasty.close());
    const outcome = await outcomeOf(poolTo(t, hasty as never, { ca: { path } }));
    assert.ok('failure' in outcome);
    assert.equal(outcome.failure.code, 'backend-unreachable');
    assert.equal(outcome.transient, true);
  });
});

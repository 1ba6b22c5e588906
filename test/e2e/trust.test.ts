import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createConnection } from 'node:net';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { createServer, type Server } from 'node:tls';
import { mounted, texts } from '../lab/grpc-client.ts';
import { createTokenIssuer } from '../lab/pod-token.ts';
import { scratchFolder } from '../lab/scratch.ts';
import { makeCa, makeLeaf } from '../unit/net/certificates.ts';
import { type FakeVault, startFakeVault } from './fake-vault.ts';
import { canaries, forEachBuild, startKeymount } from './keymount.ts';
import { assertRefused } from './messages.ts';
import { passwordClass, requestOf } from './requests.ts';

forEachBuild('whom keymount trusts', (build) => {
  const issuer = createTokenIssuer();
  const password = canaries.plant('the password');
  const ca = makeCa();
  const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
  const file = join(scratchFolder('trust'), 'bundle.pem');
  let vault: FakeVault;
  let front: Server;

  before(async () => {
    writeFileSync(file, broken + ca.cert);
    vault = await startFakeVault(canaries.plantToken("the pod's token for Vault", 'hvs.'), password);
    front = createServer(makeLeaf(ca), (socket) => {
      const inner = createConnection(Number(new URL(vault.address).port), '127.0.0.1');
      for (const each of [socket, inner]) each.on('error', () => each.destroy());
      socket.pipe(inner).pipe(socket);
    });
    front.on('tlsClientError', () => {});
    await once(front.listen(0, '127.0.0.1'), 'listening');
  });
  after(async () => {
    front.close();
    await vault.close();
  });

  async function mountWith(env: Record<string, string>) {
    const address = `https://127.0.0.1:${(front.address() as AddressInfo).port}`;
    const keymount = await startKeymount({ build, env: { VAULT_ADDR: address, ...env } });
    try {
      return { outcome: await keymount.mount('vault', requestOf(issuer, { parameters: passwordClass })), keymount };
    } finally {
      await keymount.stop();
    }
  }

  it('are the CAs of SSL_CERT_FILE, and the log warns once of a block that is no certificate', async () => {
    const { outcome, keymount } = await mountWith({ SSL_CERT_FILE: file, SSL_CERT_DIR: '/nowhere' });
    assert.deepEqual(texts(mounted(outcome)), { password });
    const warnings = keymount.log().filter(({ event }) => event === 'tls-bundle');
    assert.deepEqual(
      warnings.map(({ path, reason }) => [path, reason]),
      [[file, '1 block is no certificate that can be read and left out; 1 certificate is used']],
    );
  });

  it('is the CA of VAULT_CACERT_BYTES, before those of the system', async () => {
    const own = { VAULT_CACERT_BYTES: ca.cert, SSL_CERT_FILE: '/nowhere', SSL_CERT_DIR: '/nowhere' };
    assert.deepEqual(texts(mounted((await mountWith(own)).outcome)), { password });
  });

  it('is nobody else', async () => {
    const { outcome } = await mountWith({ SSL_CERT_DIR: '/nowhere' });
    assertRefused(outcome, 'FAILED_PRECONDITION', 'backend-untrusted', 'is not trusted');
  });
});

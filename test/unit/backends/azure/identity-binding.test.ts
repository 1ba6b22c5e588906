import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { sniNameOf, TokenProxies } from '../../../../provider/backends/azure/identity-binding.ts';
import { formatError, KeymountError } from '../../../../provider/errors.ts';
import { parseAddress } from '../../../../provider/net/address.ts';
import { createTrust } from '../../../../provider/net/trust.ts';
import { systemClock } from '../../../../provider/util/clock.ts';
import { scratchFolder } from '../../../lab/scratch.ts';
import { makeCa, makeIntermediate, makeLeaf } from '../../net/certificates.ts';
import { portOf, startTls } from '../../net/tls-lab.ts';

describe('the name of the token proxy', () => {
  const root = makeCa('root');
  const intermediate = makeIntermediate(root);
  const names = 'IP:127.0.0.1,DNS:hcp-kubernetes.abc123.svc.cluster.local';
  const folder = scratchFolder('identity-binding');
  const none = createTrust({ file: '/nowhere', dirs: '/nowhere' }, () => {});

  async function nameFrom(t: TestContext, leaf: { cert: string; key: string }, ca: string | undefined, trust = none) {
    const server = await startTls(t, leaf, [intermediate]);
    const parsed = parseAddress(`https://127.0.0.1:${portOf(server)}`);
    assert.ok('address' in parsed);
    const path = join(folder, 'ca.crt');
    if (ca !== undefined) writeFileSync(path, ca);
    const proxy = { address: parsed.address, sniName: undefined, ca: ca === undefined ? undefined : path };
    try {
      return (
        (await new TokenProxies(systemClock, trust).locate(proxy, new AbortController().signal)).tls.serverName ?? ''
      );
    } catch (thrown) {
      assert.ok(thrown instanceof KeymountError, String(thrown));
      return formatError(thrown);
    }
  }

  const found = sniNameOf('abc123');

  it('is read with a ca.crt that is an intermediate, or has a broken block', async (t) => {
    const leaf = makeLeaf(intermediate, { names });
    assert.equal(await nameFrom(t, leaf, intermediate.cert), found);
    const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    assert.equal(await nameFrom(t, leaf, broken + root.cert), found);
  });

  it('is read with the CAs of the system where there is no ca.crt', async (t) => {
    const path = join(folder, 'system.pem');
    writeFileSync(path, root.cert);
    const trust = createTrust({ file: path, dirs: '/nowhere' }, () => {});
    assert.equal(await nameFrom(t, makeLeaf(intermediate, { names }), undefined, trust), found);
  });

  it('is told with the reason where TLS fails', async (t) => {
    const other = await nameFrom(t, makeLeaf(intermediate, { names }), makeCa('other').cert);
    assert.match(
      other,
      /^the token proxy .* was not found: .*is not trusted: it is signed by a CA .*\[login-failed\]$/,
    );
    const weak = await nameFrom(t, makeLeaf(intermediate, { names, rsa: 1024 }), root.cert);
    assert.match(weak, /EE certificate key too weak/);
  });
});

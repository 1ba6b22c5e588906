import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { vaultConnectionSchema } from '../../../../provider/backends/vault/connection.ts';

const schema = vaultConnectionSchema('vault');
const issues = (settings: unknown): string => {
  const result = schema.safeParse(settings);
  return result.success
    ? 'taken'
    : result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join(' | ');
};
const address = 'https://vault:8200';

describe('a named connection to Vault', () => {
  it('needs an address only', () => {
    const { auth, timeout, retries, maxConcurrent, guarded, tls, alsoAt } = schema.parse({ address });
    assert.deepEqual(auth, { method: 'kubernetes', mount: 'kubernetes', audience: 'vault' });
    assert.deepEqual([timeout, retries, maxConcurrent, guarded, alsoAt.length], [10_000, 2, 64, false, 0]);
    assert.equal(tls.skipVerify, false);
  });

  it('takes everything that the documentation lists', () => {
    const connection = schema.parse({
      address: 'unix:///run/agent.sock',
      namespace: 'team-a',
      tls: { ca: '/ca.pem', serverName: 'v', cert: '/c.pem', key: '/k.pem', skipVerify: false },
      auth: { method: 'jwt', mount: '/team/jwt/', role: 'default', audience: 'x' },
      timeout: '1m30s',
      retries: 0,
      maxConcurrent: 4,
      proxy: 'http://squid:3128',
      allowedAddresses: ['https://vault-*.infra:8200'],
    });
    assert.deepEqual(connection.auth, { method: 'jwt', mount: 'team/jwt', role: 'default', audience: 'x' });
    assert.equal(connection.timeout, 90_000);
    assert.equal(connection.alsoAt.length, 1);
  });

  it("has OpenBao's default audience for its kind", () => {
    const { auth } = vaultConnectionSchema('openbao').parse({ address });
    assert.ok(auth.method === 'kubernetes' && auth.audience === 'openbao');
  });

  it('names the setting that is wrong', () => {
    assert.match(issues({}), /^address: /);
    assert.match(issues({ address: 'vault:8200' }), /^address: must begin with https:\/\//);
    assert.match(issues({ address, timeout: '10' }), /^timeout: must be a duration/);
    assert.match(issues({ address, timeout: '0' }), /^timeout: /);
    assert.match(issues({ address, retries: 11 }), /^retries: /);
    assert.match(issues({ address, tls: { cert: '/c.pem' } }), /^tls: needs both cert and key/);
    assert.match(issues({ address, tls: { ca: 'ca.pem' } }), /^tls\.ca: must be an absolute path/);
    assert.match(issues({ address, tls: { cacert: '/c' } }), /cacert/);
    assert.match(issues({ address, auth: { method: 'kubernetes', mount: '../x' } }), /^auth\.mount: /);
    assert.match(issues({ address, auth: { method: 'userpass' } }), /^auth\.method: /);
    assert.match(issues({ address, auth: { method: 'cert' } }), /^auth\.method: cert needs tls\.cert/);
    assert.match(issues({ address, allowedAddresses: ['*'] }), /^allowedAddresses\.0: /);
    assert.match(issues({ address, proxy: 'squid' }), /^proxy: must be the URL/);
    assert.match(issues({ address, namespace: 'a\nb' }), /^namespace: must be one line/);
  });
});

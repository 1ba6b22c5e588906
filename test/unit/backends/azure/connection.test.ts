import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { azureConnectionSchema } from '../../../../provider/backends/azure/connection.ts';

const problems = (given: Record<string, unknown>) =>
  (azureConnectionSchema.safeParse(given).error?.issues ?? []).map(
    ({ path, message }) => `${path.join('.')}: ${message}`,
  );

describe('a named connection to a Key Vault', () => {
  it('needs a vault alone', () => {
    const connection = azureConnectionSchema.parse({ vault: 'shop-kv' });
    assert.equal(connection.vault, 'shop-kv');
    assert.deepEqual(connection.auth, { method: 'workload-identity', audience: 'api://AzureADTokenExchange' });
    assert.ok(connection.cloud.kind === 'known' && connection.cloud.cloud.vaultSuffix === 'vault.azure.net');
  });

  it('may name a private address, a cloud and an identity', () => {
    const connection = azureConnectionSchema.parse({
      address: 'https://kv.internal.example',
      cloud: 'azurechinacloud',
      tenant: 'contoso.example',
      auth: { method: 'managed-identity', clientId: 'c' },
      tls: { ca: '/etc/ca.pem' },
      timeout: '5s',
    });
    assert.ok(typeof connection.vault !== 'string');
    assert.equal(connection.vault.text, 'https://kv.internal.example');
    assert.ok(connection.auth.method === 'managed-identity');
    assert.equal(connection.auth.endpoint.text, 'http://169.254.169.254');
    assert.equal(connection.timeout, 5000);
  });

  it('is refused with what is wrong', () => {
    assert.deepEqual(problems({}), [': needs either vault or address']);
    assert.match(problems({ vault: 'a_b' }).join(), /vault: must be the name of a vault/);
    assert.match(problems({ vault: 'shop-kv', address: 'https://x' }).join(), /either vault or address/);
    assert.match(problems({ vault: 'shop-kv', cloud: 'Mars' }).join(), /cloud: must be AzurePublicCloud/);
    assert.match(problems({ vault: 'shop-kv', cloud: 'AzureStackCloud' }).join(), /environmentFile/);
    assert.match(problems({ address: 'unix:///x' }).join(), /address/);
    assert.match(problems({ vault: 'shop-kv', tenant: 'a/b' }).join(), /tenant/);
    assert.match(problems({ vault: 'shop-kv', auth: { method: 'pod-identity' } }).join(), /auth/);
    const both = { vault: 'shop-kv', cloud: 'AzurePublicCloud', environmentFile: '/x' };
    assert.match(problems(both).join(), /describes a cloud of its own/);
  });
});

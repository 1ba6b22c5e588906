import assert from 'node:assert/strict';
import { registerHooks } from 'node:module';
import { it } from 'node:test';

const loaded: string[] = [];
registerHooks({
  resolve(specifier, context, next) {
    loaded.push(specifier);
    return next(specifier, context);
  },
});

it('loads the SDK when a secret is first read, and for no other backend', async () => {
  const { loadBackend } = await import('../../../../provider/backends/registry.ts');
  for (const kind of ['vault', 'file', 'aws', 'aws-ssm', 'aws-secretsmanager']) await loadBackend(kind);
  assert.ok(loaded.some((specifier) => specifier.includes('secret-reads')));
  const ofSdk = () => loaded.filter((specifier) => /^@(?:aws-sdk|smithy)\//.test(specifier));
  assert.deepEqual(ofSdk(), []);
  const { createSecretsManager } = await import('../../../../provider/backends/aws/client.ts');
  await createSecretsManager();
  assert.ok(ofSdk().length > 0);
});

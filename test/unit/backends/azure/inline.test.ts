import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createAzureBackend } from '../../../../provider/backends/azure/index.ts';
import { inlineConnection } from '../../../../provider/backends/azure/inline.ts';
import { KeymountError } from '../../../../provider/errors.ts';
import type { InlineSettings } from '../../../../provider/plan/plan.ts';
import { loadSettings } from '../../../../provider/settings/load.ts';

function make(settings: InlineSettings, argv: string[] = [], env: Record<string, string> = {}) {
  const loaded = loadSettings({ argv, env, readFile: () => '' });
  return inlineConnection({ vault: 'shop-kv', ...settings }, 'azure', loaded.settings);
}

function refused(settings: InlineSettings, argv: string[] = []): string {
  try {
    make(settings, argv);
  } catch (error) {
    assert.ok(error instanceof KeymountError);
    return `${error.code} ${error.message}`;
  }
  return 'taken';
}

describe('the connection of an Azure class', () => {
  const backend = createAzureBackend();
  const node = { mode: 'useVMManagedIdentity' };

  it('asks with workload identity where an identity is named, and finds one otherwise', () => {
    const audience = 'api://AzureADTokenExchange';
    assert.deepEqual(make({ clientId: 'c' }).auth, { method: 'workload-identity', clientId: 'c', audience });
    assert.deepEqual(make({}).auth, { method: 'pod', audience });
    assert.deepEqual(make({}, ['--azure-audience', 'x']).auth, { method: 'pod', audience: 'x' });
    assert.equal(backend.identityOf(make({})), 'pod');
    assert.equal(backend.scopeOf(make({})), 'serviceAccount');
  });

  it('lends the identity of the node to nobody, to those that the admin lists, or to everybody', () => {
    assert.deepEqual(make(node).allow, []);
    assert.equal(backend.identityOf(make(node)), 'admin');
    const some = make(node, ['--azure-managed-identity', 'shop/web,pay-*/*']);
    assert.deepEqual(some.allow, [
      { namespaces: ['shop'], serviceAccounts: ['web'] },
      { namespaces: ['pay-*'], serviceAccounts: ['*'] },
    ]);
    assert.equal(backend.identityOf(some), 'admin');
    const all = make(node, ['--azure-managed-identity', '*/*']);
    assert.equal(backend.identityOf(all), 'driver');
    assert.equal(backend.allowOf?.(all), all.allow);
    assert.equal(make({ clientId: 'c' }, ['--azure-managed-identity', '*/*']).allow, undefined);
  });

  it('goes to the token proxy of the cluster for identity binding', () => {
    const { auth } = make({ mode: 'useAzureTokenProxy', clientId: 'c' }, ['--azure-sni-name', 'a.ests.aks']);
    assert.ok(auth.method === 'identity-binding');
    assert.equal(auth.proxy.address.text, 'https://kubernetes.default.svc.cluster.local');
    assert.equal(auth.proxy.sniName, 'a.ests.aks');
  });

  it('has the cloud of the class, or the admin’s', () => {
    const suffix = (settings: InlineSettings, argv: string[] = []) => {
      const { cloud } = make(settings, argv);
      return cloud.kind === 'known' ? cloud.cloud.vaultSuffix : cloud;
    };
    assert.equal(suffix({}), 'vault.azure.net');
    assert.equal(suffix({}, ['--azure-cloud-name', 'AzureChinaCloud']), 'vault.azure.cn');
    assert.equal(suffix({ cloudName: 'azureusgovernmentcloud' }), 'vault.usgovcloudapi.net');
    assert.match(refused({ cloudName: 'Mars' }), /^class-invalid cloudName Mars is not valid/);
    assert.match(refused({ cloudName: 'AzureStackCloud' }), /needs the file/);
    const stack = { cloudName: 'AzureStackCloud', environmentFile: '/etc/kubernetes/env.json' };
    assert.deepEqual(suffix(stack), { kind: 'file', path: '/etc/kubernetes/env.json', below: undefined });
    const below = suffix(stack, ['--azure-environment-dir', '/etc/clouds']);
    assert.deepEqual(below, { kind: 'file', path: '/etc/kubernetes/env.json', below: '/etc/clouds' });
    const { cloud } = make({ cloudName: 'AzureStackCloud' }, [], { AZURE_ENVIRONMENT_FILEPATH: '/etc/env.json' });
    assert.deepEqual(cloud, { kind: 'file', path: '/etc/env.json', below: undefined });
  });

  it('takes no tenant and no client that would break out of a path or a header', () => {
    for (const tenant of ['../x', 'a/b', 'a?b', 'a b', '..', 'ä']) {
      assert.match(refused({ tenant }), /^class-invalid tenantID/, tenant);
    }
    assert.match(refused({ clientId: 'a\nb' }), /^class-invalid clientID/);
    assert.match(refused({ vault: 'a.b' }), /^class-invalid keyvaultName/);
    assert.equal(make({}, ['--azure-tenant', 'contoso.example']).fallbackTenant, 'contoso.example');
  });
});

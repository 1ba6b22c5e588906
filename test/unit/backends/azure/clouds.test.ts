import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type Cloud, findCloud, resolveCloud } from '../../../../provider/backends/azure/clouds.ts';
import { KeymountError } from '../../../../provider/errors.ts';
import { scratchFolder } from '../../../lab/scratch.ts';

const folder = scratchFolder('clouds');
const stack = {
  name: 'AzureStackCloud',
  activeDirectoryEndpoint: 'https://adfs.local.azurestack.external/',
  keyVaultEndpoint: 'https://vault.local.azurestack.external/',
  keyVaultDNSSuffix: 'vault.local.azurestack.external',
  managementPortalURL: '',
};

function file(name: string, content: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const read = (path: string, below?: string) => resolveCloud({ kind: 'file', path, below });
const shown = ({ authority, vaultSuffix, resource }: Cloud) => [authority.text, vaultSuffix, resource];

async function refusal(path: string, below?: string): Promise<string> {
  const thrown = await read(path, below).catch((error: unknown) => error);
  assert.ok(thrown instanceof KeymountError, `${path} was taken`);
  assert.equal(thrown.code, 'address-not-allowed');
  return thrown.message.replace(path, '…');
}

describe('clouds', () => {
  it('have the endpoints and names of go-autorest, in any case', () => {
    const found = (name: string) => findCloud(name)?.vaultSuffix;
    assert.equal(found('AzurePublicCloud'), 'vault.azure.net');
    assert.equal(found('AZUREUSGOVERNMENTCLOUD'), 'vault.usgovcloudapi.net');
    assert.equal(found('azurechinacloud'), 'vault.azure.cn');
    assert.equal(found('AzureGermanCloud'), 'vault.microsoftazure.de');
    assert.equal(findCloud('AzureUSGovernment')?.authority.text, 'https://login.microsoftonline.us');
    for (const name of ['AzureStackCloud', 'Azure', '', 'constructor']) assert.equal(findCloud(name), undefined);
  });

  it('are described by a file as well', async () => {
    const authority = 'https://adfs.local.azurestack.external';
    assert.deepEqual(shown(await read(file('stack.json', stack))), [
      authority,
      'vault.local.azurestack.external',
      'https://vault.local.azurestack.external',
    ]);
    const identifiers = { resourceIdentifiers: { keyVault: 'https://vault.stack/guid' } };
    assert.equal(shown(await read(file('guid.json', { ...stack, ...identifiers })))[2], 'https://vault.stack/guid');
    const bom = `\ufeff${JSON.stringify({ ...stack, keyVaultEndpoint: 'N/A', keyVaultDNSSuffix: '.Vault.x' })}`;
    assert.deepEqual(shown(await read(file('bom.json', bom))), [authority, 'vault.x', 'https://vault.x']);
  });

  it('say the same of every file that is none, whatever it is', async () => {
    const messages = new Set([
      await refusal(file('text', 'root:x:0:0')),
      await refusal(file('empty.json', {})),
      await refusal(file('http.json', { ...stack, activeDirectoryEndpoint: 'http://adfs' })),
      await refusal(file('path.json', { ...stack, keyVaultDNSSuffix: 'vault/x' })),
      await refusal(file('large.json', { ...stack, filler: 'x'.repeat(100_000) })),
      await refusal(join(folder, 'not-there')),
      await refusal(folder),
      await refusal('/dev/zero'),
      await refusal('/proc/self/environ'),
    ]);
    assert.deepEqual([...messages], ['… is no cloud environment file that can be used']);
  });

  it('wait for no pipe', { timeout: 10_000 }, async () => {
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    await refusal(join(folder, 'pipe'));
  });

  it('are read below the admin’s directory only, where there is one', async () => {
    const below = join(folder, 'clouds');
    mkdirSync(below);
    const outside = file('outside.json', stack);
    await read(file('clouds/inside.json', stack), below);
    await refusal(outside, below);
    symlinkSync(outside, join(below, 'link.json'));
    await refusal(join(below, 'link.json'), below);
    await refusal(`${below}/../outside.json`, below);
  });
});

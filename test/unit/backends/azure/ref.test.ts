import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAzureRef } from '../../../../provider/backends/azure/ref.ts';
import { KeymountError } from '../../../../provider/errors.ts';
import { sourceOf } from '../../../backends/contract.ts';

describe('an address in a Key Vault', () => {
  it('names a secret unless it says otherwise, its newest version, or one before it', () => {
    const ref = (address: string, version?: string) =>
      parseAzureRef(sourceOf(address, version === undefined ? {} : { version }));
    assert.deepEqual(ref('license'), { collection: 'secrets', name: 'license', version: undefined, back: undefined });
    assert.deepEqual(ref('secrets/license', 'latest'), ref('license'));
    assert.deepEqual(ref('keys/a-B-9~2'), { collection: 'keys', name: 'a-B-9', version: undefined, back: 2 });
    assert.equal(ref('license~0').back, 0);
    assert.deepEqual(ref('certificates/web', '7f'), {
      collection: 'certificates',
      name: 'web',
      version: '7f',
      back: undefined,
    });
  });

  it('is nothing else', () => {
    for (const address of [
      '',
      'a/b',
      'storage/x',
      'secrets/',
      'secrets/a/b',
      'a_b',
      'a.b',
      'ä',
      'a~01',
      'a~',
      'x'.repeat(128),
    ]) {
      assert.throws(
        () => parseAzureRef(sourceOf(address)),
        (thrown) => thrown instanceof KeymountError && thrown.code === 'class-invalid',
        address,
      );
    }
    assert.throws(() => parseAzureRef(sourceOf('a', { version: '../x' })), /version/);
    assert.throws(() => parseAzureRef(sourceOf('a', { request: { method: 'PUT' } })), /no request/);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseGcpRef, resourceName, type Service } from '../../../../provider/backends/gcp/ref.ts';
import { formatError, KeymountError } from '../../../../provider/errors.ts';
import type { NewSource } from '../../../../provider/plan/sources.ts';
import { sourceOf } from '../../../backends/contract.ts';

const parse = (address: string, more: Partial<NewSource> = {}, service: Service = 'secretmanager') =>
  parseGcpRef(sourceOf(address, more), service);
const refusal = (...args: Parameters<typeof parse>): string => {
  try {
    parse(...args);
  } catch (error) {
    assert.ok(error instanceof KeymountError && error.code === 'class-invalid');
    return formatError(error);
  }
  return assert.fail(`${args[0]} was taken`);
};

describe('the reference of a Google Cloud secret', () => {
  it('is a full resource name of either service, whatever the kind of the connection', () => {
    const names = [
      'projects/p/secrets/s/versions/3',
      'projects/example.com:p/locations/eu-west1/secrets/s/versions/stable',
      'projects/p/locations/global/parameters/n/versions/v1',
    ];
    for (const service of ['secretmanager', 'parametermanager'] as const) {
      for (const name of names) {
        const ref = parse(name, {}, service);
        assert.equal(resourceName(ref, ref.project ?? '', ref.location ?? 'global'), name);
      }
    }
  });

  it('is an id alone, of the service of the connection', () => {
    assert.deepEqual(parse('db'), {
      service: 'secretmanager',
      name: 'db',
      version: 'latest',
      project: undefined,
      location: undefined,
    });
    const parameter = parse('app', { version: 'v1' }, 'parametermanager');
    assert.deepEqual([parameter.service, parameter.version], ['parametermanager', 'v1']);
  });

  it('has one version', () => {
    assert.equal(parse('projects/p/secrets/s', { version: '3' }).version, '3');
    assert.match(refusal('projects/p/secrets/s/versions/2', { version: '3' }), /names its version already/);
    assert.match(refusal('app', {}, 'parametermanager'), /app needs a version.*no latest version/);
    for (const version of ['', 'a:access', 'a/b', '3?x']) assert.match(refusal('s', { version }), /the version is/);
  });

  it('must not lead anywhere else', () => {
    const wrong = [
      'projects/p/secrets/s/versions/',
      'projects/p/parameters/n/versions/1',
      'projects//secrets/s/versions/1',
      'junk/projects/p/secrets/s/versions/1',
      'projects/p/secrets/../versions/1',
      'projects/p/secrets/s/versions/1/more',
      'projects/p/secrets/a%2fb/versions/1',
      'projects/p/keys/s/versions/1',
      's?x=1',
    ];
    for (const name of wrong) assert.match(refusal(name), /is no name of a secret or parameter/, name);
  });

  it('has a location that can be part of a host name', () => {
    for (const location of ['evil.example', 'a_b', '-a', 'a'.repeat(31)]) {
      assert.match(
        refusal(`projects/p/locations/${location}/secrets/s/versions/1`),
        /^objects\[0\].*Invalid location: /,
      );
    }
  });

  it('takes no request', () => {
    assert.match(refusal('s', { request: { method: 'PUT' } }), /takes no request/);
  });
});

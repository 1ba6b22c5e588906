import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAwsRef } from '../../../../provider/backends/aws/ref.ts';
import type { NewSource } from '../../../../provider/plan/sources.ts';
import { sourceOf } from '../../../backends/contract.ts';

describe('what a source means to a connection to AWS', () => {
  const at = { path: 'objects[2]', line: 7 };
  const read = (address: string, service: 'secretsmanager' | 'ssm' | undefined, more: Partial<NewSource> = {}) =>
    parseAwsRef(sourceOf(address, { at, ...more }), service);

  it('is in the service of the connection, of the address or of the ARN', () => {
    assert.equal(read('prod/db', 'ssm').service, 'ssm');
    assert.equal(read('secretsmanager:prod/db', undefined).service, 'secretsmanager');
    assert.equal(read('arn:aws:ssm:eu-west-1:123456789012:parameter/db', undefined).service, 'ssm');
    assert.equal(read('prod/db', 'ssm', { type: 'ssm' }).service, 'ssm');
    assert.throws(() => read('prod/db', undefined), { code: 'class-invalid', message: /nothing says what service/ });
  });

  it('is refused at its place where its class takes it for something of the other service', () => {
    assert.throws(() => read('prod/db', 'ssm', { type: 'secretsmanager' }), {
      code: 'class-invalid',
      at,
      message:
        'objectType says that prod/db is in Secrets Manager, but its connection reads Parameter Store: correct one of them',
    });
    assert.throws(() => read('prod/db', 'secretsmanager', { type: 'ssm' }), {
      code: 'class-invalid',
      message:
        'objectType says that prod/db is in Parameter Store, but its connection reads Secrets Manager: correct one of them',
    });
  });
});

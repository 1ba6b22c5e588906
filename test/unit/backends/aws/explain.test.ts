import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { explainFault } from '../../../../provider/backends/aws/explain.ts';
import { formatError } from '../../../../provider/errors.ts';

const question = {
  name: 'prod/db',
  region: 'eu-west-1',
  action: 'secretsmanager:GetSecretValue',
  principal: 'role web',
  secrets: [],
  now: 0,
};
const explained = (message: string) =>
  formatError(explainFault({ code: 'ResourceNotFoundException', message }, question));

describe('a secret of AWS that is not found', () => {
  // The words of Secrets Manager.
  it('lacks a value with its label where the service says so', () => {
    assert.match(
      explained("Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"),
      /^there is no value with the label AWSCURRENT of prod\/db in eu-west-1: .*; the secret may be there: give it a value.*\[secret-missing\]$/,
    );
  });

  it('lacks a version where the service says so', () => {
    assert.match(
      explained("Secrets Manager can't find the specified secret value for VersionId: 0d2c7a5e-1111"),
      /^there is no version 0d2c7a5e-1111 of prod\/db in eu-west-1/,
    );
  });

  it('is missing otherwise', () => {
    assert.match(explained("Secrets Manager can't find the specified secret."), /^there is no prod\/db in eu-west-1: /);
  });
});

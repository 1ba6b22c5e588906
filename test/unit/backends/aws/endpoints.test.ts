import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { endpointOf, globalSts } from '../../../../provider/backends/aws/endpoints.ts';
import { parseAddress } from '../../../../provider/net/address.ts';

const plain = { endpoints: {}, fips: false, dualStack: false };
const textOf = (service: 'secretsmanager' | 'ssm' | 'sts', region: string, more: object = {}) =>
  endpointOf(service, region, { ...plain, ...more }).text;

describe('the endpoints of AWS', () => {
  it('are for Secrets Manager what the SDK makes of them', async () => {
    for (const region of [
      'eu-west-1',
      'us-gov-west-1',
      'cn-north-1',
      'us-iso-east-1',
      'us-isob-east-1',
      'eusc-de-east-1',
    ]) {
      for (const fips of [false, true]) {
        for (const dualStack of [false, true]) {
          const client = new SecretsManagerClient({ region, useFipsEndpoint: fips, useDualstackEndpoint: dualStack });
          const provider = client.config.endpointProvider;
          const { url } = provider({ Region: region, UseFIPS: fips, UseDualStack: dualStack });
          const own = endpointOf('secretsmanager', region, { ...plain, fips, dualStack }).text;
          assert.equal(own, String(url).replace(/\/$/, ''), `${region} ${fips} ${dualStack}`);
        }
      }
    }
  });

  it('have names of their own in GovCloud', () => {
    assert.equal(textOf('ssm', 'us-gov-west-1', { fips: true }), 'https://ssm.us-gov-west-1.amazonaws.com');
    assert.equal(textOf('sts', 'us-gov-west-1', { fips: true }), 'https://sts.us-gov-west-1.amazonaws.com');
    assert.equal(textOf('ssm', 'us-east-1', { fips: true }), 'https://ssm-fips.us-east-1.amazonaws.com');
    assert.equal(textOf('sts', 'eu-west-1', { dualStack: true }), 'https://sts.eu-west-1.api.aws');
  });

  it('can be others', () => {
    const result = parseAddress('http://127.0.0.1:4566');
    const ssm = 'address' in result ? result.address : undefined;
    const endpoints = { ssm };
    assert.equal(textOf('ssm', 'eu-west-1', { endpoints, fips: true }), 'http://127.0.0.1:4566');
    assert.equal(textOf('sts', 'eu-west-1', { endpoints }), 'https://sts.eu-west-1.amazonaws.com');
    const sts = { ...plain, endpoints: { sts: ssm } };
    assert.deepEqual(
      [globalSts('eu-west-1', sts).address.text, globalSts('eu-west-1', sts).region],
      ['http://127.0.0.1:4566', 'eu-west-1'],
    );
  });

  it('have one STS without a region, where it is the public one', () => {
    assert.deepEqual(
      [globalSts('eu-west-1', plain).address.text, globalSts('eu-west-1', plain).region],
      ['https://sts.amazonaws.com', 'us-east-1'],
    );
    assert.equal(globalSts('cn-north-1', plain).address.text, 'https://sts.cn-north-1.amazonaws.com.cn');
  });
});

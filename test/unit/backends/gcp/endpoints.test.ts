import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type EndpointOptions,
  endpointsOf,
  serviceAddress,
  templateProblem,
} from '../../../../provider/backends/gcp/endpoints.ts';
import type { Service } from '../../../../provider/backends/gcp/ref.ts';

const at = (service: Service, location: string, options: Partial<EndpointOptions> = {}) =>
  serviceAddress(endpointsOf({ universeDomain: 'googleapis.com', ...options }), service, location).text;

describe('the addresses of Google Cloud', () => {
  it('are global or regional ones of each service', () => {
    assert.equal(at('secretmanager', 'global'), 'https://secretmanager.googleapis.com');
    assert.equal(at('secretmanager', 'us-central1'), 'https://secretmanager.us-central1.rep.googleapis.com');
    assert.equal(at('parametermanager', 'global'), 'https://parametermanager.googleapis.com');
    assert.equal(at('parametermanager', 'us-central1'), 'https://parametermanager.us-central1.rep.googleapis.com');
  });

  it('are those of another universe', () => {
    const options = { universeDomain: 'cloud.example' };
    assert.equal(at('secretmanager', 'global', options), 'https://secretmanager.cloud.example');
    assert.equal(at('secretmanager', 'r1', options), 'https://secretmanager.r1.rep.cloud.example');
    const { iam, token } = endpointsOf(options);
    assert.equal(iam.text, 'https://iamcredentials.cloud.example');
    assert.equal(token.text, 'https://sts.cloud.example/v1/token');
  });

  it('are private ones where the admin says so', () => {
    const options = { endpoint: 'https://{service}-shop.p.googleapis.com' };
    assert.equal(at('secretmanager', 'global', options), 'https://secretmanager-shop.p.googleapis.com');
    const regional = { ...options, regionalEndpoint: 'https://{service}.{location}.p.example' };
    assert.equal(at('parametermanager', 'r1', regional), 'https://parametermanager.r1.p.example');
    assert.equal(at('parametermanager', 'global', regional), 'https://parametermanager-shop.p.googleapis.com');
    const emulator = { endpoint: 'http://127.0.0.1:8080' };
    assert.equal(at('parametermanager', 'r1', emulator), 'http://127.0.0.1:8080');
  });

  it('are those of the Go provider for logins', () => {
    const { token, metadata, iam } = endpointsOf({ universeDomain: 'googleapis.com' });
    assert.equal(token.text, 'https://securetoken.googleapis.com/v1/identitybindingtoken');
    assert.equal(metadata.text, 'http://169.254.169.254');
    assert.equal(iam.text, 'https://iamcredentials.googleapis.com');
    assert.equal(
      endpointsOf({ universeDomain: 'googleapis.com', metadataHost: 'md:81' }).metadata.text,
      'http://md:81',
    );
  });

  it('must be addresses', () => {
    assert.equal(templateProblem('https://{service}.{location}.example'), undefined);
    assert.match(templateProblem('{service}.example') ?? '', /must begin with/);
    assert.match(templateProblem('https://u:p@{service}.example') ?? '', /user name/);
  });
});

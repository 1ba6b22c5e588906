import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { awsConnectionSchema } from '../../../../provider/backends/aws/connection.ts';
import { awsBackend } from '../../../../provider/backends/aws/index.ts';
import { inlineConnection } from '../../../../provider/backends/aws/inline.ts';
import type { InlineSettings } from '../../../../provider/plan/plan.ts';
import { load } from '../../settings/loading.ts';

describe('a named connection to AWS', () => {
  const schema = awsConnectionSchema('secretsmanager');
  const problemOf = (settings: object) => schema.safeParse(settings).error?.issues[0]?.message ?? 'none';

  it('needs nothing: the node says the region, the ServiceAccount the role', () => {
    const { region, auth, batch, service, endpoints } = schema.parse({});
    assert.deepEqual(
      [region, auth, batch, service],
      [undefined, { method: 'irsa', audience: 'sts.amazonaws.com' }, false, 'secretsmanager'],
    );
    assert.deepEqual(Object.values(endpoints), [undefined, undefined, undefined, undefined]);
  });

  it('is refused where it makes no sense', () => {
    assert.match(problemOf({ region: 'evil.example' }), /must be a region/);
    assert.match(problemOf({ region: 'eu-west-1', failoverRegion: 'eu-west-1' }), /another region/);
    assert.match(problemOf({ auth: { method: 'irsa', role: 'web' } }), /ARN of a role/);
    assert.match(problemOf({ assumeRole: { arn: 'arn:aws:iam::123456789012:role/x', duration: '5m' } }), /15m to 12h/);
    assert.match(problemOf({ endpoint: 'ftp://x' }), /must begin with https/);
    assert.match(problemOf({ ca: 'ca.pem' }), /absolute path/);
  });
});

describe('the connection of an AWS class', () => {
  const of = (settings: InlineSettings, env: Record<string, string> = {}) =>
    inlineConnection(settings, 'aws', load({ env }).settings);

  it('has the region of the class, or that of the settings', () => {
    assert.equal(of({ region: 'eu-west-1' }, { AWS_REGION: 'us-west-2' }).region, 'eu-west-1');
    assert.equal(of({}, { AWS_REGION: 'us-west-2' }).region, 'us-west-2');
    assert.equal(of({}).region, undefined);
    assert.throws(() => of({ failoverRegion: 'us-west-2' }, { AWS_REGION: 'us-west-2' }), {
      code: 'class-invalid',
      message: 'us-west-2: failover region cannot be the same as the primary region',
    });
  });

  it('goes by the variables of the SDK for all else', () => {
    const { endpoints, fips, dualStack, ca } = of(
      {},
      {
        AWS_ENDPOINT_URL: 'http://127.0.0.1:4566',
        AWS_ENDPOINT_URL_SSM: 'https://ssm.internal/',
        AWS_USE_FIPS_ENDPOINT: 'true',
        AWS_USE_DUALSTACK_ENDPOINT: 'true',
        AWS_CA_BUNDLE: '/etc/ca.pem',
      },
    );
    assert.deepEqual(
      [endpoints.secretsmanager, endpoints.ssm, endpoints.sts, endpoints.podIdentity].map((each) => each?.text),
      ['http://127.0.0.1:4566', 'https://ssm.internal', 'http://127.0.0.1:4566', undefined],
    );
    assert.deepEqual([fips, dualStack, ca], [true, true, '/etc/ca.pem']);
  });

  it('takes only tokens that the driver sent, as the Go provider does, unless the admin wants others', () => {
    const onlySent = (env?: Record<string, string>) => awsBackend.onlySentTokens?.(of({}, env));
    assert.equal(onlySent(), true);
    assert.equal(onlySent({ KEYMOUNT_AWS_TOKEN_REQUEST: 'true' }), false);
    assert.equal(awsBackend.onlySentTokens?.(awsConnectionSchema('ssm').parse({})), false);
  });

  it('logs in as the class says', () => {
    assert.deepEqual(of({ podIdentity: true, addressType: 'ipv6' }).auth, {
      method: 'pod-identity',
      addressType: 'ipv6',
      audience: 'pods.eks.amazonaws.com',
    });
    const arn = 'arn:aws:iam::123456789012:role/x';
    const { assumeRole } = of({ assumeRoleArn: arn, assumeRoleDurationSeconds: '900', assumeRoleExternalId: 'ab' });
    assert.deepEqual(assumeRole, { arn, externalId: 'ab', duration: 900, sessionName: undefined });
  });
});

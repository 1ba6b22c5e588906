import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  BatchGetSecretValueCommand,
  GetSecretValueCommand,
  SecretsManagerClient,
  type SecretsManagerClientConfig,
} from '@aws-sdk/client-secrets-manager';
import { type AwsCloud, startAwsCloud } from './aws-cloud.ts';
import { aPod } from './pod.ts';
import { createTokenIssuer } from './pod-token.ts';

const region = 'eu-west-1';
const role = 'arn:aws:iam::123456789012:role/web';
const issuer = createTokenIssuer();
const pod = aPod();

/** The official SDK is the oracle: it signs the requests and reads the answers. */
describe('our stand-in for AWS', () => {
  let cloud: AwsCloud;
  let client: SecretsManagerClient;

  before(async () => {
    cloud = await startAwsCloud(issuer);
    cloud.trusts.set(role, ['system:serviceaccount:shop:web']);
    cloud.associations.set('shop/web', role);
    cloud.allowed.set(role, [
      `secretsmanager:GetSecretValue ${region} prod/*`,
      `secretsmanager:BatchGetSecretValue ${region} *`,
    ]);
    cloud.stores.putSecret(region, 'prod/db', 'old');
    cloud.stores.putSecret(region, 'prod/db', 'new');
    cloud.stores.putSecret(region, 'prod/raw', Buffer.from([0, 255]));
    client = clientWith(await podIdentity());
  });
  after(() => cloud.close());

  const clientWith = (credentials: SecretsManagerClientConfig['credentials']) =>
    new SecretsManagerClient({
      region,
      endpoint: cloud.address,
      maxAttempts: 1,
      ...(credentials ? { credentials } : {}),
    });

  async function podIdentity(token = issuer.mint(pod, 'pods.eks.amazonaws.com').token) {
    const reply = await fetch(`${cloud.address}/v1/credentials`, { headers: { Authorization: token } });
    const body = (await reply.json()) as Record<string, string>;
    return {
      accessKeyId: body['AccessKeyId'] ?? '',
      secretAccessKey: body['SecretAccessKey'] ?? '',
      sessionToken: body['Token'] ?? '',
    };
  }

  it('gives secrets to requests that the SDK signed', async () => {
    assert.equal((await client.send(new GetSecretValueCommand({ SecretId: 'prod/db' }))).SecretString, 'new');
    const previous = new GetSecretValueCommand({ SecretId: 'prod/db', VersionStage: 'AWSPREVIOUS' });
    assert.equal((await client.send(previous)).SecretString, 'old');
    const raw = await client.send(new GetSecretValueCommand({ SecretId: 'prod/raw' }));
    assert.deepEqual([...(raw.SecretBinary ?? [])], [0, 255]);
  });

  it('refuses a signature with another secret key, and another session token', async () => {
    const good = await podIdentity();
    for (const odd of [{ secretAccessKey: 'x' }, { sessionToken: 'x' }, { accessKeyId: 'ASIAX' }]) {
      await assert.rejects(clientWith({ ...good, ...odd }).send(new GetSecretValueCommand({ SecretId: 'prod/db' })), {
        name: 'UnrecognizedClientException',
      });
    }
  });

  it('raises the exceptions that the SDK knows', async () => {
    const get = (SecretId: string) => client.send(new GetSecretValueCommand({ SecretId }));
    await assert.rejects(get('prod/none'), { name: 'ResourceNotFoundException', $fault: 'client' });
    await assert.rejects(get('other'), { name: 'AccessDeniedException', message: /is not authorized to perform/ });
    cloud.fail('GetSecretValue', { status: 500, type: 'InternalServiceError', message: 'An error occurred' }, 1);
    await assert.rejects(get('prod/db'), { name: 'InternalServiceError', $fault: 'server' });
  });

  it('reads up to twenty secrets at once, each with its own error', async () => {
    const batch = (SecretIdList: string[]) => client.send(new BatchGetSecretValueCommand({ SecretIdList }));
    const { SecretValues, Errors } = await batch(['prod/db', 'prod/none', 'other']);
    assert.deepEqual(
      SecretValues?.map(({ Name }) => Name),
      ['prod/db'],
    );
    assert.deepEqual(
      Errors?.map(({ SecretId, ErrorCode }) => [SecretId, ErrorCode]),
      [
        ['prod/none', 'ResourceNotFoundException'],
        ['other', 'AccessDeniedException'],
      ],
    );
    await assert.rejects(batch(Array.from({ length: 21 }, (_, index) => `prod/${index}`)), {
      name: 'ValidationException',
    });
  });

  it('verifies web identity tokens: signature, audience, end, subject', async () => {
    const assume = async (token: string, arn = role) => {
      const form = {
        Action: 'AssumeRoleWithWebIdentity',
        Version: '2011-06-15',
        RoleArn: arn,
        RoleSessionName: 'web',
        WebIdentityToken: token,
      };
      const reply = await fetch(cloud.address, { method: 'POST', body: new URLSearchParams(form) });
      const text = await reply.text();
      return `${reply.status} ${/<Code>(\w+)</.exec(text)?.[1] ?? /<(AccessKeyId)>/.exec(text)?.[1]}`;
    };
    const mint = (audience: string, options = {}) => issuer.mint(pod, audience, options).token;
    assert.equal(await assume(mint('sts.amazonaws.com')), '200 AccessKeyId');
    assert.equal(await assume(mint('vault')), '400 InvalidIdentityToken');
    assert.equal(await assume(mint('sts.amazonaws.com', { ttl: -5 })), '400 ExpiredTokenException');
    assert.equal(await assume(createTokenIssuer().mint(pod, 'sts.amazonaws.com').token), '400 InvalidIdentityToken');
    assert.equal(await assume('junk'), '400 InvalidIdentityToken');
    assert.equal(
      await assume(issuer.mint(aPod({ serviceAccount: 'api' }), 'sts.amazonaws.com').token),
      '403 AccessDenied',
    );
    assert.equal(await assume(mint('sts.amazonaws.com'), `${role}-other`), '403 AccessDenied');
  });

  it('counts what it was asked', () => {
    assert.ok(cloud.count('PodIdentity shop/web') >= 2);
    assert.ok(cloud.requests.some(({ what, as }) => what === `GetSecretValue ${region} prod/db` && as?.role === role));
  });
});

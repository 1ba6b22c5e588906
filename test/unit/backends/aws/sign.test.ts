import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { signedHeaders } from '../../../../provider/backends/aws/sign.ts';
import { parseAddress } from '../../../../provider/net/address.ts';

const credentials = { accessKeyId: 'ASIAEXAMPLE', secretAccessKey: 'wJalr/K7+', sessionToken: 'token==', expires: 0 };

function addressOf(text: string) {
  const result = parseAddress(text);
  assert.ok('address' in result);
  return result.address;
}

/** What the SDK signs, caught before it is sent. */
async function signedBySdk(endpoint: string, body: string): Promise<Record<string, string>> {
  let headers: Record<string, string> = {};
  const client = new SecretsManagerClient({
    region: 'eu-west-1',
    endpoint,
    credentials,
    maxAttempts: 1,
    requestHandler: {
      handle: (request: { headers: Record<string, string> }) => {
        headers = request.headers;
        return Promise.reject(new Error('not sent'));
      },
    } as never,
  });
  await assert.rejects(client.send(new GetSecretValueCommand(JSON.parse(body))), /not sent/);
  return headers;
}

describe('a signed request', () => {
  it('has the signature that the SDK gives the same headers', async () => {
    for (const endpoint of [
      'https://secretsmanager.eu-west-1.amazonaws.com',
      'http://127.0.0.1:4566',
      'http://[::1]:80',
    ]) {
      const body = '{"SecretId":"grüße"}';
      const theirs = await signedBySdk(endpoint, body);
      const authorization = theirs['authorization'] ?? '';
      const names = /SignedHeaders=([^,]+)/.exec(authorization)?.[1]?.split(';') ?? [];
      const rest = names.filter((name) => !['host', 'x-amz-date', 'x-amz-security-token'].includes(name));
      const date = theirs['x-amz-date'] ?? '';
      const now = Date.parse(date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'));
      const unsigned = {
        address: addressOf(endpoint),
        path: '/',
        service: 'secretsmanager',
        region: 'eu-west-1',
        headers: Object.fromEntries(rest.map((name) => [name, theirs[name] ?? ''])),
        body,
      };
      const ours = signedHeaders(unsigned, credentials, now);
      assert.equal(ours['Authorization'], authorization.replace(/, /g, ', '), endpoint);
      assert.equal(ours['Host'], theirs['host']);
    }
  });
});

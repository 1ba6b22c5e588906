import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createParameterReads } from '../../../../provider/backends/aws/parameter-reads.ts';
import type { AwsRef } from '../../../../provider/backends/aws/ref.ts';
import type { InRegions, Place } from '../../../../provider/backends/aws/regions.ts';
import { getSecret, type SecretsPlace } from '../../../../provider/backends/aws/secrets.ts';

const never = new AbortController().signal;
const arn = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf';

function refOf(name: string, version?: string): AwsRef {
  return { service: 'ssm', name, version, label: undefined, failover: undefined };
}

/** The answer of GetParameters to one name. */
async function parameter(ref: AwsRef, ...parameters: object[]): Promise<string> {
  const place = { region: 'eu-west-1', requestTo: () => ({}), targetOf: (each: AwsRef) => each, question: () => ({}) };
  const inRegions: InRegions = (_what, ask) => ask(place as unknown as Place);
  const body = Buffer.from(JSON.stringify({ Parameters: parameters, InvalidParameters: [] }));
  const read = createParameterReads(async () => ({ status: 200, headers: {}, body }), inRegions);
  try {
    return Buffer.from((await read(ref, never)).bytes ?? []).toString();
  } catch (thrown) {
    return (thrown as { code: string }).code;
  }
}

describe('an answer of Parameter Store to one name', () => {
  const named = (Name: string, more: object = {}) => ({ Name, Value: 'v', Version: 3, ...more });

  it('is believed where it is of that name, however that was written', async () => {
    assert.equal(await parameter(refOf('/app/db'), named('/app/db')), 'v');
    assert.equal(await parameter(refOf('db'), named('db')), 'v');
    assert.equal(await parameter(refOf('/app/db', '3'), named('/app/db', { Selector: ':3' })), 'v');
    const shared = 'arn:aws:ssm:eu-west-1:210987654321:parameter/app/db';
    assert.equal(await parameter(refOf(shared), named('/app/db', { ARN: shared })), 'v');
    assert.equal(await parameter(refOf(shared), named(shared, { ARN: shared })), 'v');
  });

  it('is not believed where it is of a name that nobody asked for, or of another version', async () => {
    assert.equal(await parameter(refOf('/app/db'), named('/app/root')), 'backend-reply-invalid');
    assert.equal(await parameter(refOf('/app/db'), { Value: 'v', Version: 3 }), 'backend-reply-invalid');
    assert.equal(await parameter(refOf('/app/db', '2'), named('/app/db', { Selector: ':3' })), 'backend-reply-invalid');
  });

  it('may have others beside it', async () => {
    const [own, other] = [named('/app/db'), named('/app/root', { Value: 'root' })];
    assert.equal(await parameter(refOf('/app/db'), other, own), 'v');
  });
});

describe('an answer of Secrets Manager', () => {
  async function secret(name: string, output: object): Promise<string> {
    const client = { getSecretValue: async () => ({ output: { SecretString: 'v', VersionId: '1', ...output } }) };
    try {
      const place = { client, call: {}, question: () => ({}) } as unknown as SecretsPlace;
      const found = await getSecret({ name, version: undefined, label: undefined }, place);
      return Buffer.from(found.bytes ?? []).toString();
    } catch (thrown) {
      return (thrown as { code: string }).code;
    }
  }

  it('is believed by its name or its ARN, whole or without its end', async () => {
    const own = { Name: 'prod/db', ARN: arn };
    for (const name of ['prod/db', arn, arn.slice(0, -7)]) assert.equal(await secret(name, own), 'v', name);
    assert.equal(await secret('prod/db', {}), 'v', 'some stand-ins say nothing of it');
  });

  it('is not believed where it is of another secret', async () => {
    for (const name of ['prod/root', `${arn.slice(0, -8)}x`, arn.slice(0, -9)]) {
      assert.equal(await secret(name, { Name: 'prod/db', ARN: arn }), 'backend-reply-invalid', name);
    }
  });
});

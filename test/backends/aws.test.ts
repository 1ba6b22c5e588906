import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { parameterStoreBackend, secretsManagerBackend } from '../../provider/backends/aws/index.ts';
import { type AwsEmulator, type EmulatorName, startAwsEmulator } from '../lab/aws-emulators.ts';
import { requires } from '../lab/tools.ts';
import { type AwsSession, connectAws, irsa, loginOf, readAll } from './aws-lab.ts';
import { backendContract, type Harness } from './contract.ts';

const region = 'eu-west-1';

for (const name of ['ministack', 'moto_server'] as const) {
  backendContract(`Secrets Manager of ${name}`, () => secretsHarness(name, {}), requires(name));
  backendContract(`Secrets Manager of ${name} in batches`, () => secretsHarness(name, { batch: true }), requires(name));
  backendContract(`Parameter Store of ${name}`, () => parametersHarness(name), requires(name));
  describe(`both services of ${name}`, requires(name), () => dataCases(name));
}

async function secretsHarness(name: EmulatorName, more: object): Promise<Harness> {
  const emulator = await startAwsEmulator(name);
  return {
    backend: secretsManagerBackend as Harness['backend'],
    settings: { region, endpoint: emulator.address, stsEndpoint: emulator.address, ...more },
    login: loginOf(irsa(roleIn(emulator))),
    address: (secret) => secret,
    put: async (secret, json) => void (await emulator.putSecret(secret, json)),
    remove: (secret) => emulator.removeSecret(secret),
    close: () => emulator.stop(),
  };
}

async function parametersHarness(name: EmulatorName): Promise<Harness> {
  const emulator = await startAwsEmulator(name);
  return {
    backend: parameterStoreBackend as Harness['backend'],
    settings: { region, endpoint: emulator.address, stsEndpoint: emulator.address },
    login: loginOf(irsa(roleIn(emulator))),
    address: (parameter) => `/${parameter}`,
    put: async (parameter, json) => void (await emulator.putParameter(`/${parameter}`, json)),
    remove: (parameter) => emulator.removeParameter(`/${parameter}`),
    close: () => emulator.stop(),
  };
}

function roleIn({ account }: AwsEmulator): string {
  return `arn:aws:iam::${account}:role/web`;
}

function dataCases(name: EmulatorName): void {
  let emulator: AwsEmulator;
  let settings: object;
  let secrets: AwsSession;
  let parameters: AwsSession;

  before(async () => {
    emulator = await startAwsEmulator(name);
    settings = { region, endpoint: emulator.address, stsEndpoint: emulator.address };
    const login = loginOf(irsa(roleIn(emulator)));
    secrets = await connectAws('aws-secretsmanager', settings, login);
    parameters = await connectAws('aws-ssm', settings, login);
  });
  after(async () => {
    await emulator.stop();
  });

  it('gives the bytes of a secret as they are, text and binary', async () => {
    await emulator.putSecret('text', 'grüße\n');
    await emulator.putSecret('binary', Buffer.from([0x61, 0, 0x7a]));
    assert.deepEqual(await readAll('aws-secretsmanager', secrets, 'text', 'binary'), ['grüße\n', 'a\0z']);
  });

  it('gives the current version of a secret, one by its label and one by its id', async () => {
    const first = await emulator.putSecret('versions', 'one');
    await emulator.putSecret('versions', 'two');
    const found = await readAll(
      ...(['aws-secretsmanager', secrets] as const),
      'versions',
      'versions?label=AWSPREVIOUS',
      ['versions', { version: first }],
    );
    assert.deepEqual(found, ['two', 'one', 'one']);
  });

  it('finds a secret and a parameter by ARN', async () => {
    await emulator.putSecret('by-arn', 'secret');
    await emulator.putParameter('/by/arn', 'parameter');
    const described = await emulator.call('secretsmanager.DescribeSecret', { SecretId: 'by-arn' });
    const arn = `arn:aws:ssm:${region}:${emulator.account}:parameter/by/arn`;
    assert.deepEqual(await readAll('aws-secretsmanager', secrets, String(described.body['ARN'])), ['secret']);
    assert.deepEqual(await readAll('aws-ssm', parameters, arn), ['parameter']);
  });

  // Not every emulator has the words of the service, which name the version.
  it('says of a version that is not there which it is', async () => {
    await emulator.putSecret('short', 'one');
    const [said] = await readAll('aws-secretsmanager', secrets, [
      'short',
      { version: '11111111-1111-1111-1111-111111111111' },
    ]);
    assert.match(
      said ?? '',
      /^there is no (?:version 1{8}-.* of )?short in eu-west-1: ResourceNotFoundException.*\[secret-missing\]$/,
    );
  });

  it('tells a secret that is marked for deletion from one that never was', async () => {
    await emulator.putSecret('going', 'x');
    await emulator.call('secretsmanager.DeleteSecret', { SecretId: 'going', RecoveryWindowInDays: 7 });
    const [going, never] = await readAll('aws-secretsmanager', secrets, 'going', 'never');
    assert.match(going ?? '', /^going in eu-west-1 is deleted: .*\[secret-deleted\]$/);
    assert.match(never ?? '', /^there is no never in eu-west-1: .*\[secret-missing\]$/);
  });

  it('gives each of more than ten parameters its own value', async () => {
    const names = Array.from({ length: 23 }, (_, index) => `/many/p${index}`);
    for (const each of names) await emulator.putParameter(each, `value of ${each}`);
    const found = await readAll('aws-ssm', parameters, ...names);
    assert.deepEqual(
      found,
      names.map((each) => `value of ${each}`),
    );
  });

  it('keeps versions and labels of one parameter apart', async () => {
    await emulator.putParameter('/app/db', 'first');
    await emulator.putParameter('/app/db', 'second');
    await emulator.putParameter('/app/db', 'third');
    const labels = { Name: '/app/db', ParameterVersion: 2, Labels: ['blue'] };
    assert.equal((await emulator.call('AmazonSSM.LabelParameterVersion', labels)).status, 200);
    const label = { Name: '/app/db', ParameterVersion: 1, Labels: ['green'] };
    assert.equal((await emulator.call('AmazonSSM.LabelParameterVersion', label)).status, 200);
    const found = await readAll(
      ...(['aws-ssm', parameters] as const),
      '/app/db?label=blue',
      '/app/db?label=green',
      '/app/db',
      ['/app/db', { version: '1' }],
    );
    assert.deepEqual(found, ['second', 'first', 'third', 'first']);
  });

  it('says which of several parameters are not there', async () => {
    await emulator.putParameter('/there', 'x');
    const [one, two] = await readAll('aws-ssm', parameters, '/there', '/gone');
    assert.equal(one, 'x');
    assert.match(two ?? '', /^there is no parameter \/gone in eu-west-1: InvalidParameters \[secret-missing\]$/);
  });

  it('keeps regions apart, and goes to the failover region only when the first does not answer', async () => {
    await emulator.putSecret('regional', 'ours');
    await emulator.putSecret('regional', 'theirs', 'eu-central-1');
    const both = await connectAws(
      'aws-secretsmanager',
      { ...settings, failoverRegion: 'eu-central-1' },
      loginOf(irsa(roleIn(emulator))),
    );
    await emulator.putSecret('only-there', 'x', 'eu-central-1');
    const [here, absent] = await readAll('aws-secretsmanager', both, 'regional', 'only-there');
    assert.equal(here, 'ours');
    assert.match(absent ?? '', /^there is no only-there in eu-west-1/);
  });
}

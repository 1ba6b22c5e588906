import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { systemClock } from '../../provider/util/clock.ts';
import { type AwsCloud, type CloudFault, startAwsCloud } from '../lab/aws-cloud.ts';
import { type AwsSession, connectAws, irsa, issuer, loginOf, readAll } from './aws-lab.ts';
import { contractDeps } from './contract.ts';

const region = 'eu-west-1';
const second = 'eu-central-1';
const role = 'arn:aws:iam::123456789012:role/web';
const broken: CloudFault = {
  status: 500,
  type: 'InternalServiceError',
  message: 'An error occurred on the server side.',
};
const busy: CloudFault = { status: 400, type: 'ThrottlingException', message: 'Rate exceeded' };

describe('AWS in trouble', () => {
  let cloud: AwsCloud;
  let settings: Record<string, unknown>;

  before(async () => {
    cloud = await startAwsCloud(issuer);
  });
  beforeEach(async () => {
    await cloud.close();
    cloud = await startAwsCloud(issuer);
    settings = { region, endpoint: cloud.address, stsEndpoint: cloud.address };
    cloud.trusts.set(role, ['system:serviceaccount:shop:web']);
    cloud.allowed.set(role, [`secretsmanager:* *`, `ssm:* *`]);
    for (const where of [region, second]) {
      for (const name of ['a', 'b', 'c']) cloud.stores.putSecret(where, name, `${name} of ${where}`);
      for (const name of ['/a', '/b', '/c']) cloud.stores.putParameter(where, name, `${name} of ${where}`);
    }
  });
  after(() => cloud.close());

  const secrets = (more: object = {}): Promise<AwsSession> =>
    connectAws('aws-secretsmanager', { ...settings, ...more }, loginOf(irsa(role)));
  const parameters = (more: object = {}): Promise<AwsSession> =>
    connectAws('aws-ssm', { ...settings, ...more }, loginOf(irsa(role)));

  it('tries again where AWS fails, throttles or hangs up', async () => {
    for (const fault of [broken, busy, 'close'] as const) {
      const before = cloud.count('GetSecretValue');
      cloud.fail(`GetSecretValue ${region} a`, fault, 1);
      assert.deepEqual(await readAll('aws-secretsmanager', await secrets(), 'a'), [`a of ${region}`]);
      assert.equal(cloud.count('GetSecretValue') - before, 2);
    }
  });

  for (const hours of [-1, 1, 24]) {
    it(`signs with the time of AWS where this machine is ${hours} h ahead of it`, async () => {
      const clock = { ...systemClock, now: () => Date.now() + hours * 3_600_000 };
      const session = await connectAws('aws-secretsmanager', settings, loginOf(irsa(role)), { ...contractDeps, clock });
      assert.deepEqual(await readAll('aws-secretsmanager', session, 'a'), [`a of ${region}`]);
      assert.equal(cloud.count('GetSecretValue'), 2, 'one that was refused for its time, and one more');
      assert.deepEqual(await readAll('aws-secretsmanager', session, 'b'), [`b of ${region}`]);
      assert.equal(cloud.count('GetSecretValue'), 3, 'from then on it is known');
      const left = ((session.expires ?? 0) - clock.now()) / 60_000;
      assert.ok(left > 55 && left < 60, `credentials of an hour are good for ${left} min`);
    });
  }

  it('does not sign again what is refused for another reason, or by a clock that is right', async () => {
    const refused: CloudFault = { status: 400, type: 'InvalidSignatureException', message: 'Not that.' };
    cloud.fail('GetSecretValue', refused, 1);
    const [said] = await readAll('aws-secretsmanager', await secrets(), 'a');
    assert.match(said ?? '', /InvalidSignatureException: Not that\./);
    assert.equal(cloud.count('GetSecretValue'), 1);
  });

  it('says in the words of AWS that it throttles, and that it fails', async () => {
    cloud.fail('GetSecretValue', busy, 3);
    const session = await secrets();
    const [throttled] = await readAll('aws-secretsmanager', session, 'a');
    assert.match(
      throttled ?? '',
      /^AWS asks for fewer requests, reading a in eu-west-1: ThrottlingException: Rate exceeded; .*\[backend-throttled\]$/,
    );
    cloud.fail('GetSecretValue', broken);
    const [failed] = await readAll('aws-secretsmanager', session, 'b');
    assert.match(failed ?? '', /^AWS failed, reading b in eu-west-1: InternalServiceError: .*\[backend-unreachable\]$/);
  });

  it('never tries again where AWS says no', async () => {
    cloud.allowed.set(role, ['secretsmanager:GetSecretValue eu-west-1 b']);
    const [denied] = await readAll('aws-secretsmanager', await secrets({ failoverRegion: second }), 'a');
    assert.match(
      denied ?? '',
      /^reading a in eu-west-1 was refused: AccessDeniedException: User: .* is not authorized to perform: secretsmanager:GetSecretValue on resource: a .*; arn:\S+ needs to be allowed secretsmanager:GetSecretValue on it \[secret-denied\]$/,
    );
    assert.equal(cloud.count('GetSecretValue'), 1);
  });

  it('asks the failover region only where the first fails, by the other name where it has one', async () => {
    const both = await secrets({ failoverRegion: second });
    assert.deepEqual(await readAll('aws-secretsmanager', both, 'a', 'b'), [`a of ${region}`, `b of ${region}`]);
    assert.equal(cloud.count(`GetSecretValue ${second}`), 0);
    cloud.fail(`GetSecretValue ${region} a`, broken);
    assert.deepEqual(await readAll('aws-secretsmanager', both, 'a', 'b'), [`a of ${second}`, `b of ${region}`]);
    cloud.fail(`GetParameters ${region}`, 'close');
    const stored = await parameters({ failoverRegion: second });
    assert.deepEqual(await readAll('aws-ssm', stored, '/a', '/b'), [`/a of ${second}`, `/b of ${second}`]);
    assert.equal(cloud.count(`GetParameters ${second}`), 1);
  });

  it('takes a refusal of the failover region for the answer, and names both where neither answers', async () => {
    cloud.fail(`GetSecretValue ${region}`, broken);
    const both = await secrets({ failoverRegion: second });
    const [missing] = await readAll('aws-secretsmanager', both, 'none');
    assert.match(missing ?? '', /^there is no none in eu-central-1/);
    cloud.fail(`GetSecretValue ${second}`, { ...broken, message: 'also here' });
    const [neither] = await readAll('aws-secretsmanager', both, 'a');
    assert.equal(
      neither,
      'neither eu-west-1 nor eu-central-1 answered, reading a: eu-west-1: InternalServiceError: An error occurred on the server side.; ' +
        'eu-central-1: InternalServiceError: also here [backend-unreachable]',
    );
  });

  it('logs in at the failover region where STS of the first does not answer', async () => {
    cloud.fail('AssumeRoleWithWebIdentity', broken, 3);
    assert.deepEqual(await readAll('aws-secretsmanager', await secrets({ failoverRegion: second }), 'a'), [
      `a of ${region}`,
    ]);
  });

  it('reads secrets in one request where the connection says so, and each on its own for good where the role may not', async () => {
    const batch = { batch: true };
    const session = await secrets(batch);
    assert.deepEqual(await readAll('aws-secretsmanager', session, 'a', 'none', 'c'), [
      `a of ${region}`,
      "there is no none in eu-west-1: ResourceNotFoundException: Secrets Manager can't find the specified secret. [secret-missing]",
      `c of ${region}`,
    ]);
    assert.deepEqual([cloud.count('BatchGetSecretValue'), cloud.count('GetSecretValue')], [1, 0]);
    cloud.allowed.set(role, ['secretsmanager:GetSecretValue *']);
    for (const _ of [1, 2]) {
      assert.deepEqual(await readAll('aws-secretsmanager', session, 'a', 'b'), [`a of ${region}`, `b of ${region}`]);
    }
    assert.deepEqual([cloud.count('BatchGetSecretValue'), cloud.count('GetSecretValue')], [2, 4]);
  });

  it('reads more than twenty secrets in two requests, and versions on their own', async () => {
    const names = Array.from({ length: 23 }, (_, index) => `s${index}`);
    for (const name of names) cloud.stores.putSecret(region, name, name);
    const session = await secrets({ batch: true });
    const found = await readAll('aws-secretsmanager', session, ...names, 's1?label=AWSCURRENT');
    assert.deepEqual(found, [...names, 's1']);
    assert.deepEqual([cloud.count('BatchGetSecretValue'), cloud.count('GetSecretValue')], [2, 1]);
  });

  it('keeps two labels of a parameter apart, with selectors and without', async () => {
    cloud.stores.putParameter(region, '/p', 'one', 'green');
    cloud.stores.putParameter(region, '/p', 'two', 'blue');
    const session = await parameters();
    const wanted = ['/p?label=green', '/p?label=blue', '/p'] as const;
    assert.deepEqual(await readAll('aws-ssm', session, ...wanted), ['one', 'two', 'two']);
    assert.equal(cloud.count('GetParameters'), 1);
    cloud.stores.withoutSelectors = true;
    assert.deepEqual(await readAll('aws-ssm', session, ...wanted), ['one', 'two', 'two']);
    const pinned = [
      ['/p', { version: '1' }],
      ['/p', { version: '2' }],
    ] as const;
    const before = cloud.count('GetParameters');
    assert.deepEqual(await readAll('aws-ssm', session, ...pinned), ['one', 'two']);
    assert.equal(cloud.count('GetParameters') - before, 1);
  });

  it('finds out which of ten parameters is the one that is refused', async () => {
    cloud.allowed.set(role, ['ssm:GetParameters eu-west-1 /a', 'ssm:GetParameters eu-west-1 /c']);
    const [a, b, c] = await readAll('aws-ssm', await parameters(), '/a', '/b', '/c');
    assert.deepEqual([a, c], [`/a of ${region}`, `/c of ${region}`]);
    assert.match(b ?? '', /^reading \/b in eu-west-1 was refused: .*\[secret-denied\]$/);
  });

  it('takes what is no answer of AWS for none', async () => {
    const session = await secrets();
    for (const body of ['', '{}', 'null', '<html>', '{"SecretString":5}', '[1]']) {
      cloud.fail('GetSecretValue', { status: 200, body }, 1);
      const [said] = await readAll('aws-secretsmanager', session, 'a');
      assert.match(said ?? '', /\[backend-reply-invalid\]$/, body);
    }
    cloud.fail('GetSecretValue', { status: 403, body: '<html>proxy</html>' }, 1);
    assert.match(
      (await readAll('aws-secretsmanager', session, 'a'))[0] ?? '',
      /without a reason of AWS.*\[secret-denied\]$/,
    );
    const stored = await parameters();
    for (const body of ['', '{}', 'null', '{"Parameters":[{"Name":"/a"}]}', '{"Parameters":5}']) {
      cloud.fail('GetParameters', { status: 200, body });
      const [said] = await readAll('aws-ssm', stored, '/a');
      assert.match(said ?? '', /\[backend-reply-invalid\]$/, body);
    }
  });
});

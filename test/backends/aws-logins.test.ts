import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { type AwsCloud, startAwsCloud } from '../lab/aws-cloud.ts';
import { aPod } from '../lab/pod.ts';
import { connectAws, irsa, issuer, loginOf, readAll, refusalOf } from './aws-lab.ts';

const region = 'eu-west-1';
const kind = 'aws-secretsmanager';
const role = 'arn:aws:iam::123456789012:role/web';
const other = 'arn:aws:iam::210987654321:role/reader';

describe('logins to AWS', () => {
  let cloud: AwsCloud;
  let settings: Record<string, unknown>;

  before(async () => {
    cloud = await startAwsCloud(issuer);
    const { address } = cloud;
    settings = { region, endpoint: address, stsEndpoint: address, podIdentityEndpoint: address };
  });
  beforeEach(() => {
    cloud.trusts.set(role, ['system:serviceaccount:shop:web']);
    cloud.trusts.set(other, [role, `${role} shop-42`]);
    cloud.associations.set('shop/web', role);
    for (const each of [role, other]) cloud.allowed.set(each, [`secretsmanager:GetSecretValue ${region} *`]);
    cloud.stores.putSecret(region, 'db', 'pw');
    cloud.requests.length = 0;
    cloud.credentialLife = 3600;
  });
  afterEach(() => cloud.allowed.clear());
  after(() => cloud.close());

  const reads = async (more: object, login = loginOf(irsa(role))) =>
    await readAll(kind, await connectAws(kind, { ...settings, ...more }, login), 'db');
  const podIdentity = { auth: { method: 'pod-identity' } };
  const holders = () => cloud.requests.flatMap(({ as }) => (as === undefined ? [] : [`${as.role} ${as.session}`]));

  it('takes the role of the ServiceAccount with the token of the pod, which pods of it share', async () => {
    const session = await connectAws(kind, settings, loginOf(irsa(role)));
    assert.equal(session.serviceAccountUid, aPod().serviceAccountUid);
    assert.deepEqual(await readAll(kind, session, 'db'), ['pw']);
    assert.deepEqual(holders(), [`${role} shop.web`]);
    const left = (session.expires ?? 0) - Date.now();
    assert.ok(left > 3_500_000 && left < 3_545_000, `${left} ms`);
  });

  it('keeps what an unproven pod logs in for to that pod', async () => {
    const login = loginOf({ ...irsa(role), proven: false, pod: aPod({ name: 'web-1' }) });
    const session = await connectAws(kind, settings, login);
    assert.equal(session.serviceAccountUid, undefined);
    await readAll(kind, session, 'db');
    assert.deepEqual(holders(), [`${role} shop.web.web-1`]);
  });

  it('prefers the role of the class, then that of the connection, to the annotation', async () => {
    const wrong = irsa(`${role}-wrong`);
    assert.deepEqual(await reads({ auth: { method: 'irsa', role } }, loginOf(wrong)), ['pw']);
    assert.deepEqual(await reads({ auth: { method: 'irsa', role: `${role}-odd` } }, loginOf({ ...wrong, role })), [
      'pw',
    ]);
  });

  it('says who needs a role where there is none', async () => {
    const said = await refusalOf(kind, settings, loginOf());
    assert.match(
      said,
      /^an IAM role must be associated with ServiceAccount shop\/web; annotate it .*\[login-denied\]$/,
    );
    assert.equal(cloud.requests.length, 0);
  });

  it('tells the reason of STS, the role and what to mend', async () => {
    cloud.trusts.delete(role);
    assert.equal(
      await refusalOf(kind, settings, loginOf(irsa(role))),
      `STS refused ServiceAccount shop/web assuming ${role}: AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity; ` +
        'the trust policy of the role has to name ServiceAccount shop/web [login-denied]',
    );
    const expired = await refusalOf(kind, settings, loginOf({ ...irsa(role), token: { ttl: -60 } }));
    assert.match(expired, /ExpiredTokenException: Token expired \[login-denied\]$/);
    const audience = { auth: { method: 'irsa', audience: 'vault' } };
    const said = await refusalOf(kind, { ...settings, ...audience }, loginOf(irsa(role)));
    assert.match(said, /InvalidIdentityToken: Incorrect token audience; .* identity provider.*\[login-denied\]$/);
  });

  it('asks STS again where it could not ask the cluster for its keys', async () => {
    cloud.fail('AssumeRole', { status: 400, type: 'IDPCommunicationError', message: 'timeout' }, 1);
    assert.deepEqual(await reads({}), ['pw']);
    assert.equal(cloud.count('AssumeRole'), 2);
  });

  it('takes an answer of something else for no login', async () => {
    cloud.fail('AssumeRole', { status: 200, body: '<html>hello</html>' }, 1);
    assert.match(await refusalOf(kind, settings, loginOf(irsa(role))), /has no usable credentials \[login-failed\]$/);
  });

  it('gets the credentials of the pod from the agent of EKS Pod Identity, which no other pod shares', async () => {
    const session = await connectAws(kind, { ...settings, ...podIdentity }, loginOf());
    assert.equal(session.serviceAccountUid, undefined);
    assert.deepEqual(await readAll(kind, session, 'db'), ['pw']);
    assert.deepEqual(
      cloud.requests.map(({ what }) => what),
      ['PodIdentity shop/web', `GetSecretValue ${region} db`],
    );
  });

  it('asks the agent of its node directly, whatever proxy the connection has', async () => {
    const proxied = { ...settings, ...podIdentity, proxy: 'http://127.0.0.1:1', retries: 0 };
    const [said] = await readAll(kind, await connectAws(kind, proxied, loginOf()), 'db');
    assert.match(said ?? '', /connection refused by the proxy.*\[backend-unreachable\]$/);
    assert.deepEqual([cloud.count('PodIdentity'), cloud.count('GetSecretValue')], [1, 0]);
  });

  it('tells the reason of the agent', async () => {
    cloud.associations.clear();
    assert.equal(
      await refusalOf(kind, { ...settings, ...podIdentity }, loginOf()),
      'the EKS Pod Identity agent refused ServiceAccount shop/web (403): AccessDeniedException: No association found for the pod; ' +
        'ServiceAccount shop/web needs a pod identity association of the cluster [login-denied]',
    );
  });

  it('never repeats a token that an answer repeats', async () => {
    const login = loginOf();
    const token = await login.token('pods.eks.amazonaws.com', new AbortController().signal);
    cloud.fail('PodIdentity', { status: 400, body: `bad token ${token.reveal()}` }, 1);
    const said = await refusalOf(kind, { ...settings, ...podIdentity }, { ...login, token: async () => token });
    assert.ok(said.includes('bad token'), said);
    assert.ok(!said.includes(token.reveal().slice(0, 20)), said);
  });

  it('goes on to another role, with the name of the pod in it where it is the pod that asks', async () => {
    assert.deepEqual(await reads({ assumeRole: { arn: other, externalId: 'shop-42', duration: '15m' } }), ['pw']);
    assert.deepEqual(holders(), [`${role} shop.web`, `${other} shop.web`]);
    cloud.requests.length = 0;
    const login = loginOf({ pod: aPod({ name: 'web-7' }) });
    assert.deepEqual(await reads({ ...podIdentity, assumeRole: { arn: other } }, login), ['pw']);
    assert.deepEqual(holders(), [`${role} pod-identity`, `${other} shop.web.web-7`]);
    cloud.requests.length = 0;
    assert.deepEqual(await reads({ assumeRole: { arn: other, sessionName: 'reports' } }), ['pw']);
    assert.deepEqual(holders().at(-1), `${other} reports`);
  });

  it('says which of two roles is refused', async () => {
    cloud.trusts.set(other, []);
    const said = await refusalOf(kind, { ...settings, assumeRole: { arn: other } }, loginOf(irsa(role)));
    assert.ok(
      said.startsWith(`STS refused ${role} assuming ${other}: AccessDenied: User: ${role}/shop.web is not`),
      said,
    );
  });

  it('goes by the region of the node where nobody says one, and says so where there is none', async () => {
    const nowhere = { ...settings, region: undefined };
    const login = loginOf({ ...irsa(role), nodeLabels: { 'topology.kubernetes.io/region': region } });
    assert.deepEqual(await readAll(kind, await connectAws(kind, nowhere, login), 'db'), ['pw']);
    const said = await refusalOf(kind, nowhere, loginOf(irsa(role)));
    assert.match(said, /^parameters\.region: nothing says the region.*\[class-invalid\]$/);
  });

  it('lets no failover region be the region of the node', async () => {
    const login = loginOf({ ...irsa(role), nodeLabels: { 'topology.kubernetes.io/region': region } });
    const said = await refusalOf(kind, { ...settings, region: undefined, failoverRegion: region }, login);
    assert.match(said, /failover region cannot be the same as the primary region \[class-invalid\]$/);
  });

  it('tells credentials that are no good any more from a secret that is denied', async () => {
    const session = await connectAws(kind, settings, loginOf(irsa(role)));
    cloud.revokeAll();
    const [said] = await readAll(kind, session, 'db');
    assert.match(said ?? '', /^the credentials of arn:\S+ were refused, reading db in eu-west-1: .*\[login-denied\]$/);
  });
});

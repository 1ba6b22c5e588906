import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { AzureRef } from '../../provider/backends/azure/ref.ts';
import type { Login, Session } from '../../provider/backends/backend.ts';
import { formatError, KeymountError } from '../../provider/errors.ts';
import { SecretString } from '../../provider/util/secret-string.ts';
import { aPod } from '../lab/pod.ts';
import { type AzureLab, app, client, issuer, podLogin, signal, startAzureLab, tenant, workload } from './azure-lab.ts';
import { sourceOf } from './contract.ts';

const annotated = (annotations: Record<string, string>): Partial<Login> => ({
  annotations: async () => new Map(Object.entries(annotations)),
});

describe('logins to Azure', () => {
  let lab: AzureLab;
  before(async () => {
    lab = await startAzureLab(
      'DNS:kubernetes,DNS:hcp-kubernetes.abc123.svc.cluster.local,IP:127.0.0.1,DNS:avogudkohgdatdl5h3uisa3it85na3oqte6ir8heubtqsv4hgo1qg.ests.aks',
    );
    lab.vault.put('secrets/license', { fields: { value: 'v1' } });
  });
  beforeEach(() => {
    lab.entra.asked.length = 0;
    lab.metadataAsked.length = 0;
    lab.serverNames.length = 0;
  });
  after(() => lab.close());

  const value = async (session: Session<AzureRef>) => {
    const [secret] = await Promise.all(session.read([lab.backend.parseRef(sourceOf('license'))], signal));
    return Buffer.from(secret?.bytes ?? []).toString();
  };
  const refused = async (login?: Login, more?: Record<string, unknown>) => {
    const [result] = await Promise.allSettled([lab.connect(login, more)]);
    assert.ok(result?.status === 'rejected', 'the login was not refused');
    assert.ok(result.reason instanceof KeymountError, String(result.reason));
    return formatError(result.reason);
  };

  it('shows the token of a pod for the identity that the connection names, as its ServiceAccount', async () => {
    const login = podLogin();
    const session = await lab.connect(login);
    assert.equal(await value(session), 'v1');
    assert.equal(session.serviceAccountUid, login.identity.serviceAccountUid);
    assert.equal(lab.backend.scopeOf(lab.backend.connectionSchema.parse(lab.settings)), 'serviceAccount');
  });

  it('finds client and tenant in the annotations of the ServiceAccount', async () => {
    const annotations = { 'azure.workload.identity/client-id': client, 'azure.workload.identity/tenant-id': tenant };
    const unnamed = { tenant: undefined, auth: { method: 'workload-identity' } };
    assert.equal(await value(await lab.connect(podLogin(annotated(annotations)), unnamed)), 'v1');
    const without = await refused(podLogin(annotated({})), unnamed);
    assert.match(
      without,
      /no clientID.*annotate the ServiceAccount shop\/web with azure\.workload\.identity\/client-id/,
    );
    const noTenant = await refused(podLogin(annotated({ 'azure.workload.identity/client-id': client })), unnamed);
    assert.match(noTenant, /tenantId is not provided/);
  });

  it('asks for one token for all pods of a proven ServiceAccount, and for each that is not', async () => {
    const fresh = await startAzureLab();
    try {
      const pods = Array.from({ length: 20 }, () => podLogin());
      await Promise.all(pods.map((login) => fresh.connect(login)));
      assert.equal(fresh.entra.asked.length, 1);
      const doubtful = (login: Login) => ({ ...login, identity: { ...login.identity, proven: false } });
      const sessions = await Promise.all(pods.slice(0, 3).map((login) => fresh.connect(doubtful(login))));
      assert.equal(fresh.entra.asked.length, 4);
      assert.ok(sessions.every(({ serviceAccountUid }) => serviceAccountUid === undefined));
    } finally {
      await fresh.close();
    }
  });

  it('gives nobody the token of another ServiceAccount', async () => {
    await lab.connect(podLogin());
    const pod = aPod({ serviceAccount: 'other' });
    assert.match(await refused(podLogin({}, pod)), /login|AADSTS700213.*system:serviceaccount:shop:other/);
    const renewed = aPod({ serviceAccountUid: 'made-anew' });
    lab.entra.asked.length = 0;
    await lab.connect(podLogin({}, renewed));
    assert.equal(lab.entra.asked.length, 1);
  });

  it('gives nobody a token that came from another place, for another audience or to another namespace', async () => {
    const { settings } = lab;
    const login = podLogin({}, aPod({ serviceAccountUid: 'of another place' }));
    const count = () => lab.entra.asked.length;
    await lab.connect(login);
    await lab.connect(login);
    assert.equal(count(), 1);
    await lab.connect(login, { tls: { ca: lab.caFile, skipVerify: true } });
    assert.equal(count(), 2);
    await lab.connect(login, { timeout: '7s', maxConcurrent: 3 });
    assert.equal(count(), 2);
    const other = await refused({ ...login, audience: 'api://other' });
    assert.match(other, /login-denied/);
    const publishSecrets = new Map(
      Object.entries({ clientid: client, clientsecret: app.secret }).map(([k, v]) => [k, new SecretString(v)]),
    );
    const byApp = { ...settings, auth: { method: 'service-principal' } };
    const asked = count();
    for (const namespace of ['shop', 'shop', 'pay']) {
      await lab.connect(podLogin({ publishSecrets }, aPod({ namespace })), byApp);
    }
    assert.equal(count() - asked, 2);
  });

  it('tells in the words of Entra ID why it refused, the same each time and without the token', async () => {
    const pod = aPod({ serviceAccount: 'other' });
    let token = '';
    const login = podLogin(
      {
        token: async (wanted) => {
          token = issuer.mint(pod, wanted).token;
          return new SecretString(token);
        },
      },
      pod,
    );
    const [first, second] = [await refused(login), await refused(login)];
    assert.equal(first, second);
    assert.match(first, /AADSTS700213.*federated credential.*system:serviceaccount:shop:other.*\[login-denied\]/);
    assert.ok(!first.includes(token.slice(-30)) && !/Trace ID|Timestamp/.test(first));
    assert.ok(Buffer.byteLength(first) < 1000, first);
    assert.match(await refused(podLogin(), { auth: workload({ clientId: 'nobody' }) }), /AADSTS700016/);
    assert.match(await refused(podLogin(), { tenant: 'elsewhere' }), /AADSTS90002.*elsewhere/);
  });

  it('takes a service principal of nodePublishSecretRef, its keys in any case', async () => {
    const secrets = (map: Record<string, string>): Partial<Login> => ({
      publishSecrets: new Map(Object.entries(map).map(([name, text]) => [name, new SecretString(text)])),
    });
    const auth = { auth: { method: 'service-principal' } };
    const session = await lab.connect(podLogin(secrets({ clientID: client, ClientSecret: app.secret })), auth);
    assert.equal(await value(session), 'v1');
    assert.equal(session.serviceAccountUid, undefined);
    assert.match(await refused(podLogin(), auth), /nodePublishSecretRef secret is not set/);
    assert.match(await refused(podLogin(secrets({ clientsecret: 'x' })), auth), /could not find clientid/);
    assert.match(await refused(podLogin(secrets({ clientid: client })), auth), /could not find clientsecret/);
    const wrong = await refused(podLogin(secrets({ clientid: client, clientsecret: 'wr0ng-secret' })), auth);
    assert.match(wrong, /AADSTS7000215/);
    assert.ok(!wrong.includes('wr0ng-secret'));
    const swapped = await refused(podLogin(secrets({ clientid: app.secret, clientsecret: client })), auth);
    assert.match(swapped, /AADSTS700016/);
    assert.ok(!swapped.includes(app.secret), swapped);
  });

  it('uses the identity of the node as the admin’s, which their rules decide on', async () => {
    const auth = { method: 'managed-identity', endpoint: lab.metadata };
    assert.equal(await value(await lab.connect(podLogin(), { auth })), 'v1');
    assert.equal(lab.metadataAsked[0]?.get('resource'), 'https://vault.azure.net');
    assert.equal(lab.metadataAsked[0]?.get('client_id'), null);
    await lab.connect(podLogin(), { auth: { ...auth, clientId: client } });
    assert.equal(lab.metadataAsked[1]?.get('client_id'), client);
    assert.match(await refused(podLogin(), { auth: { ...auth, clientId: 'gone' } }), /Identity not found.*assigned/);
    const connection = lab.backend.connectionSchema.parse({ ...lab.settings, auth });
    assert.equal(lab.backend.identityOf(connection), 'admin');
    assert.equal(lab.backend.scopeOf(connection), 'pod');
  });

  it('asks the token proxy of AKS under the name of its cluster', async () => {
    lab.entra.apps.push({ ...app, federation: { ...app.federation, audience: 'api://AKSIdentityBinding' } });
    const auth = { method: 'identity-binding', clientId: client, proxy: { url: lab.address, ca: lab.caFile } };
    // sha256("identity-bindingabc123") in base32hex, which the certificate of this lab has as a name as well.
    const authority = 'https://login.invalid';
    assert.equal(await value(await lab.connect(podLogin(), { auth, authority })), 'v1');
    assert.deepEqual(lab.serverNames, ['avogudkohgdatdl5h3uisa3it85na3oqte6ir8heubtqsv4hgo1qg.ests.aks']);
  });
});

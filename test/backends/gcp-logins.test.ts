import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject, verify } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { secretManagerBackend } from '../../provider/backends/gcp/index.ts';
import { inlineConnection } from '../../provider/backends/gcp/inline.ts';
import { KeymountError } from '../../provider/errors.ts';
import { loadSettings } from '../../provider/settings/load.ts';
import { SecretString } from '../../provider/util/secret-string.ts';
import { scratchFolder } from '../lab/scratch.ts';
import { contractDeps } from './contract.ts';
import {
  type GcpLab,
  issuer,
  pod,
  podLogin,
  podPrincipal,
  pool,
  poolAudience,
  signal,
  startGcpLab,
} from './gcp-lab.ts';

const secret = 'projects/shop-prod/secrets/db/versions/1';
const reader = 'reader@shop-prod.iam.gserviceaccount.com';
const account = 'iam.gke.io/gcp-service-account';
const delegates = 'iam.gke.io/gcp-service-account-delegates';

/** The settings as the environment of the process has them, for drop-in classes. */
const fromEnv = (env: Record<string, string>) => loadSettings({ argv: [], env, readFile: () => '' }).settings;

describe('logins to Google Cloud', () => {
  let lab: GcpLab;
  beforeEach(async () => {
    lab = await startGcpLab();
    lab.cloud.secrets.set('projects/shop-prod/secrets/db', { versions: ['v'] });
  });
  afterEach(() => lab.close());

  const whoReads = async (...args: Parameters<GcpLab['connect']>) => {
    await lab.value(await lab.connect(...args), secret);
    return lab.cloud.requests.at(-1)?.as;
  };

  it('exchanges the token for the cluster’s pool, which the metadata server is asked for once', async () => {
    const asked: string[][] = [];
    const { connectionSchema, connect } = secretManagerBackend;
    const connection = connectionSchema.parse({
      tokenEndpoint: `${lab.cloud.address}/token`,
      metadataHost: lab.cloud.address.slice('http://'.length),
    });
    const logins = Array.from({ length: 20 }, () => connect(connection, podLogin({}, asked), contractDeps, signal));
    await Promise.all(logins);
    await connect(connection, podLogin({}, asked), contractDeps, signal);
    assert.equal(lab.cloud.count('metadata'), 3);
    assert.deepEqual(asked[0], [pool, poolAudience]);
    const audience = await secretManagerBackend.tokenAudience?.(connection, contractDeps, signal);
    assert.equal(audience, pool);
  });

  it('is the ServiceAccount’s login on GKE, and the pod’s own where nothing proves who asks', async () => {
    assert.equal((await lab.connect()).serviceAccountUid, pod.serviceAccountUid);
    const login = podLogin();
    const unproven = { ...login, identity: { ...login.identity, proven: false } };
    assert.equal((await lab.connect(unproven)).serviceAccountUid, undefined);
  });

  it('ends shortly before its token', async () => {
    lab.cloud.tokenLife = 600;
    const before = Date.now();
    const left = ((await lab.connect()).expires ?? 0) - before;
    assert.ok(left > 540_000 && left < 600_000, String(left));
  });

  it('explains a refused token by pool, and shows none', async () => {
    const login = { ...podLogin(), token: async () => new SecretString(issuer.mint(pod, 'other').token) };
    const error = await lab.refused(login);
    assert.match(error, /exchanging the token of ServiceAccount shop\/web .* at identitynamespace:shop-prod/);
    assert.match(
      error,
      /invalid_grant: The audience in ID Token does not match.*workload identity is on.*\[login-denied\]/,
    );
    assert.doesNotMatch(error, /eyJ/);
    lab.cloud.fail('exchange', 200, 1, { access_token: 'a b' });
    assert.match(await lab.refused(podLogin()), /gave no token \[login-failed\]/);
    lab.cloud.fail('exchange', 503, 3);
    assert.match(await lab.refused(podLogin()), /\[backend-unreachable\]/);
  });

  it('impersonates the Google service account of the annotation, over delegates if there are any', async () => {
    lab.cloud.accounts.set(reader, [podPrincipal]);
    assert.equal(await whoReads(podLogin({ [account]: reader })), reader);
    lab.cloud.accounts.set(reader, [
      `${podPrincipal} > projects/-/serviceAccounts/a@x > projects/-/serviceAccounts/b@x`,
    ]);
    assert.equal(await whoReads(podLogin({ [account]: reader, [delegates]: '["a@x","b@x"]' })), reader);
    const error = await lab.refused(podLogin({ [account]: reader }));
    assert.match(
      error,
      /impersonating reader@shop-prod.*403.*grant roles\/iam\.workloadIdentityUser on reader@.*\[login-denied\]/,
    );
    const odd = await lab.refused(podLogin({ [account]: reader, [delegates]: 'a@x' }));
    assert.match(
      odd,
      /unable to parse the annotation iam\.gke\.io\/gcp-service-account-delegates.*JSON list.*\[login-denied\]/,
    );
  });

  it('loses its authority when the annotation changes', async () => {
    const annotations: Record<string, string> = {};
    const login = { ...podLogin(), annotations: async () => new Map(Object.entries(annotations)) };
    const session = await lab.connect(login);
    await lab.value(session, secret);
    annotations[account] = reader;
    assert.match(await lab.failing(session, secret), /other annotations by now.*\[login-denied\]/);
  });

  it('keeps its authority while nobody knows the annotations', async () => {
    let away = false;
    const annotations = async () => {
      if (away) throw new KeymountError('cluster-unavailable', 'away');
      return new Map<string, string>();
    };
    const session = await lab.connect({ ...podLogin(), annotations });
    away = true;
    await lab.value(session, secret);
    assert.match(await lab.refused({ ...podLogin(), annotations }), /\[cluster-unavailable\]/);
  });

  it('says what is missing where nobody knows the cluster', async () => {
    lab.cloud.metadata.delete('instance/attributes/cluster-name');
    const error = await lab.refused(podLogin());
    assert.match(
      error,
      /the metadata server does not know instance\/attributes\/cluster-name: 404; this is no node of GKE.*\[login-denied\]$/,
    );
  });

  it('asks no metadata server where the settings know the cluster', async () => {
    const cluster = { project: 'shop-prod', location: 'europe-west1', name: 'blue' };
    await lab.connect(podLogin(), { auth: { method: 'workload-identity', cluster } });
    assert.equal(lab.cloud.count('metadata'), 0);
  });

  it('uses a pool of another kind of cluster, where sessions are the pods’ own', async () => {
    const audience = '//iam.googleapis.com/projects/12/locations/global/workloadIdentityPools/shop/providers/k8s';
    const other = await startGcpLab(audience);
    try {
      other.cloud.metadata.clear();
      other.cloud.secrets.set('projects/shop-prod/secrets/db', { versions: ['v'] });
      const file = `${scratchFolder('gcp')}/wif.json`;
      writeFileSync(file, JSON.stringify({ type: 'external_account', audience }));
      const asked: string[][] = [];
      const auth = { method: 'workload-identity', credentials: file };
      const session = await other.connect(podLogin({}, asked), { auth });
      await other.value(session, secret);
      assert.equal(session.serviceAccountUid, undefined);
      assert.equal(asked[0]?.[0], audience);
      writeFileSync(file, JSON.stringify({ type: 'authorized_user' }));
      assert.match(
        await other.refused(podLogin(), { auth }),
        /wif\.json is of type authorized_user.*\[login-denied\]$/,
      );
    } finally {
      await other.close();
    }
  });

  it('uses the pool of a fleet, whose identities are ServiceAccounts', async () => {
    const audience =
      'identitynamespace:fleet.svc.id.goog:https://gkehub.googleapis.com/projects/fleet/locations/global/memberships/m';
    const other = await startGcpLab(audience);
    try {
      const session = await other.connect(podLogin(), { auth: { method: 'workload-identity', audience } });
      assert.equal(session.serviceAccountUid, pod.serviceAccountUid);
    } finally {
      await other.close();
    }
  });

  it('reads as keymount itself with the metadata server’s token, which only an allowed pod may', async () => {
    lab.cloud.metadata.set(
      'instance/service-accounts/default/token',
      JSON.stringify({ access_token: 'node', expires_in: 60 }),
    );
    const { connectionSchema, identityOf } = secretManagerBackend;
    assert.equal(identityOf(connectionSchema.parse({ auth: { method: 'provider-adc' } })), 'admin');
    const session = await lab.connect(podLogin(), { auth: { method: 'provider-adc' } });
    assert.match(await lab.failing(session, secret), /the token of the node's service account is not accepted/);
    assert.equal(lab.cloud.count('exchange'), 0);
  });

  it('reads as keymount itself with an external account, impersonation included', async () => {
    const folder = scratchFolder('gcp');
    writeFileSync(`${folder}/token`, JSON.stringify({ jwt: issuer.mint(pod, pool).token }));
    const file = {
      type: 'external_account',
      audience: poolAudience,
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      service_account_impersonation_url: `https://iam.example/v1/projects/-/serviceAccounts/${reader}:generateAccessToken`,
      credential_source: { file: `${folder}/token`, format: { type: 'json', subject_token_field_name: 'jwt' } },
    };
    writeFileSync(`${folder}/adc.json`, JSON.stringify(file));
    lab.cloud.accounts.set(reader, [podPrincipal]);
    const auth = { method: 'provider-adc', credentials: `${folder}/adc.json` };
    assert.equal(await whoReads(podLogin(), { auth }), reader);
  });
});

describe('logins with the key of a service account', () => {
  let lab: GcpLab;
  let publicKey: KeyObject;
  let keyFile: string;
  beforeEach(async () => {
    lab = await startGcpLab();
    const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
    publicKey = pair.publicKey;
    keyFile = JSON.stringify({
      type: 'service_account',
      client_email: reader,
      private_key_id: 'k1',
      private_key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }),
      token_uri: 'https://evil.example/token',
    });
  });
  afterEach(() => lab.close());

  const withKey = (text: string) => ({
    ...podLogin(),
    publishSecrets: new Map([['key.json', new SecretString(text)]]),
  });

  it('sign their token themselves, and ask nobody whom the key names', async () => {
    const session = await lab.connect(withKey(keyFile), { auth: { method: 'service-account-key' } });
    assert.equal(session.serviceAccountUid, undefined);
    await lab.failing(session, secret);
    const [header = '', claims = '', signature = ''] = (lab.cloud.requests.at(-1)?.bearer ?? '').split('.');
    assert.ok(verify('sha256', Buffer.from(`${header}.${claims}`), publicKey, Buffer.from(signature, 'base64url')));
    const parsed = JSON.parse(Buffer.from(claims, 'base64url').toString());
    assert.equal(parsed.iss, reader);
    assert.equal(parsed.scope, 'https://www.googleapis.com/auth/cloud-platform');
    assert.equal(parsed.exp - parsed.iat, 3600);
    assert.equal(lab.cloud.count('exchange'), 0);
  });

  it('say what is wrong with a key, and show nothing of it', async () => {
    const auth = { method: 'service-account-key' };
    assert.match(
      await lab.refused(podLogin(), { auth }),
      /brought no key\.json.*nodePublishSecretRef.*\[token-missing\]/,
    );
    assert.match(
      await lab.refused(withKey('secret text'), { auth }),
      /^key\.json is not a JSON object \[login-denied\]$/,
    );
    const external = JSON.stringify({ type: 'external_account', audience: 'a' });
    assert.match(await lab.refused(withKey(external), { auth }), /must be a service account key/);
    const odd = JSON.stringify({ type: 'service_account', client_email: reader, private_key: 'abc' });
    const error = await lab.refused(withKey(odd), { auth });
    assert.match(error, /not an RSA key in PEM \[login-denied\]/);
    assert.doesNotMatch(error, /abc/);
  });

  it('are used for drop-in classes only where the admin allows them, and never beside another auth', async () => {
    const env = {
      GAIA_TOKEN_EXCHANGE_ENDPOINT: `${lab.cloud.address}/token`,
      GCE_METADATA_HOST: lab.cloud.address.slice('http://'.length),
      KEYMOUNT_GCP_ENDPOINT: lab.cloud.endpoint,
    };
    const connectInline = (auth: string | undefined, more: Record<string, string>) => {
      const settings = fromEnv({ ...env, ...more });
      const connection = inlineConnection(auth === undefined ? {} : { auth }, 'gcp', settings);
      return secretManagerBackend.connect(connection, withKey(keyFile), contractDeps, signal);
    };
    await connectInline(undefined, {});
    assert.equal(lab.cloud.count('exchange'), 1);
    const allowed = { ALLOW_NODE_PUBLISH_SECRET: 'true' };
    await connectInline(undefined, allowed);
    assert.equal(lab.cloud.count('exchange'), 1);
    for (const auth of ['pod-adc', 'provider-adc']) {
      await assert.rejects(
        () => connectInline(auth, allowed),
        (thrown) =>
          thrown instanceof KeymountError &&
          thrown.message === `attempting to set both nodePublishSecretRef and ${auth} auth`,
      );
    }
  });
});

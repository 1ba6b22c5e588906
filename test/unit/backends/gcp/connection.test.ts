import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type GcpConnection, gcpConnectionSchema } from '../../../../provider/backends/gcp/connection.ts';
import { secretManagerBackend } from '../../../../provider/backends/gcp/index.ts';
import { inlineConnection } from '../../../../provider/backends/gcp/inline.ts';
import { loadSettings } from '../../../../provider/settings/load.ts';

const messages = (settings: object) =>
  gcpConnectionSchema.safeParse(settings).error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);

describe('a named connection to Google Cloud', () => {
  it('needs nothing', () => {
    const { auth, location, timeout, allow } = gcpConnectionSchema.parse({});
    assert.deepEqual([auth.method, location, timeout, allow], ['workload-identity', 'global', 10_000, undefined]);
  });

  it('takes what class authors would expect of it', () => {
    const auth = {
      method: 'workload-identity',
      cluster: { project: 'p', location: 'europe-west1', name: 'c' },
      serviceAccount: 'a@p.iam.gserviceaccount.com',
      delegates: ['b@p.iam.gserviceaccount.com'],
    };
    assert.equal(messages({ project: 'p', location: 'europe-west1', auth }), undefined);
    assert.equal(messages({ auth: { method: 'provider-adc', credentials: '/c.json' }, timeout: '3s' }), undefined);
    assert.equal(
      messages({ auth: { method: 'service-account-key' }, endpoint: 'https://{service}.x.example' }),
      undefined,
    );
  });

  const wrong: [string, object, RegExp][] = [
    ['an unknown key', { region: 'r' }, /region/],
    ['a location that is no part of a host', { location: 'a.b' }, /location: must be global or a region/],
    ['an endpoint without scheme', { endpoint: 'x.example' }, /endpoint: must begin with/],
    ['a relative credentials file', { auth: { method: 'provider-adc', credentials: 'c' } }, /absolute path/],
    ['a service account without domain', { auth: { method: 'workload-identity', serviceAccount: 'a/b' } }, /e-mail/],
    ['an unknown method', { auth: { method: 'adc' } }, /auth\.method/],
    ['a metadata host with a path', { metadataHost: 'h/x' }, /host or host:port/],
    ['a proxy that is none', { proxy: 'x' }, /proxy/],
  ];
  for (const [what, settings, message] of wrong) {
    it(`refuses ${what}`, () => assert.match(String(messages(settings)), message));
  }

  it('is of the pod, of the ServiceAccount or of the admin by its method', () => {
    const facts = (settings: object) => {
      const connection = gcpConnectionSchema.parse(settings);
      return [secretManagerBackend.identityOf(connection), secretManagerBackend.scopeOf(connection)];
    };
    assert.deepEqual(facts({}), ['pod', 'serviceAccount']);
    assert.deepEqual(facts({ auth: { method: 'service-account-key' } }), ['pod', 'pod']);
    assert.deepEqual(facts({ auth: { method: 'provider-adc' } }), ['admin', 'pod']);
  });
});

describe('the connection of a gcp class', () => {
  const inline = (env: Record<string, string>, settings: Record<string, string> = {}): GcpConnection =>
    inlineConnection(settings, 'gcp', loadSettings({ argv: [], env, readFile: () => '' }).settings);

  it('takes the variables of the Go provider', () => {
    const { auth, endpoints } = inline({
      PROJECT: 'p',
      CLUSTER_LOCATION: 'l',
      CLUSTER_NAME: 'c',
      GAIA_TOKEN_EXCHANGE_ENDPOINT: 'http://127.0.0.1:1/v1/x',
      GKE_WORKLOAD_IDENTITY_ENDPOINT: 'https://container.example/v1',
      GCE_METADATA_HOST: '127.0.0.1:2',
      GOOGLE_APPLICATION_CREDENTIALS: '/adc.json',
    });
    assert.ok(auth.method === 'workload-identity');
    assert.deepEqual(auth.cluster, {
      project: 'p',
      location: 'l',
      name: 'c',
      endpoint: 'https://container.example/v1',
    });
    assert.equal(auth.credentials, '/adc.json');
    assert.equal(endpoints.token.text, 'http://127.0.0.1:1/v1/x');
    assert.equal(endpoints.metadata.text, 'http://127.0.0.1:2');
  });

  it('ignores the key of a pod unless the admin allows it', () => {
    const publishSecret = (env: Record<string, string>, settings: Record<string, string> = {}) => {
      const { auth } = inline(env, settings);
      return auth.method === 'workload-identity' && auth.publishSecret;
    };
    assert.equal(publishSecret({}), 'ignored');
    assert.equal(publishSecret({}, { auth: 'pod-adc' }), 'ignored');
    assert.equal(publishSecret({ ALLOW_NODE_PUBLISH_SECRET: 'true' }), 'allowed');
    assert.equal(publishSecret({ ALLOW_NODE_PUBLISH_SECRET: 'true' }, { auth: 'pod-adc' }), 'refused');
  });

  it('lends keymount’s own identity to nobody but those whom the admin lists', () => {
    assert.deepEqual(inline({}, { auth: 'provider-adc' }).allow, []);
    assert.equal(inline({}).allow, undefined);
    const listed = inline({ KEYMOUNT_GCP_PROVIDER_IDENTITY: 'ops/*,shop/web' }, { auth: 'provider-adc' });
    assert.deepEqual(listed.allow, [
      { namespaces: ['ops'], serviceAccounts: ['*'] },
      { namespaces: ['shop'], serviceAccounts: ['web'] },
    ]);
  });
});

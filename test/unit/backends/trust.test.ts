import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BackendDeps, Login } from '../../../provider/backends/backend.ts';
import { loadBackend } from '../../../provider/backends/registry.ts';
import { formatError, KeymountError } from '../../../provider/errors.ts';
import type { DialectName } from '../../../provider/plan/plan.ts';
import { systemClock } from '../../../provider/util/clock.ts';
import { SecretString } from '../../../provider/util/secret-string.ts';
import { load } from '../settings/loading.ts';

const signal = new AbortController().signal;
const asked = 'the CAs of the system were asked for';

const deps: BackendDeps = {
  clock: systemClock,
  random: () => 0.5,
  proxy: { https: undefined, http: undefined, no: [] },
  trust: {
    system: () => Promise.reject(new KeymountError('backend-untrusted', asked)),
    told: () => {},
  },
  replyBytes: 1024,
  onRequest: () => {},
};

const login: Login = {
  identity: {
    namespace: 'shop',
    serviceAccount: 'web',
    serviceAccountUid: undefined,
    pod: 'web-1',
    podUid: 'u',
    proven: true,
  },
  role: 'web',
  audience: undefined,
  token: async () => new SecretString('a.b.c'),
  publishSecrets: new Map(),
  annotations: async () =>
    new Map([
      ['eks.amazonaws.com/role-arn', 'arn:aws:iam::123456789012:role/web'],
      ['azure.workload.identity/client-id', 'c'],
      ['azure.workload.identity/tenant-id', 't'],
    ]),
  nodeLabels: async () => new Map([['topology.kubernetes.io/region', 'eu-central-1']]),
};

// The discard port of this machine: nothing is ever sent there, for trust comes first.
const nowhere = 'https://127.0.0.1:9';
const pool = {
  GAIA_TOKEN_EXCHANGE_ENDPOINT: `${nowhere}/token`,
  PROJECT: 'p',
  CLUSTER_LOCATION: 'l',
  CLUSTER_NAME: 'n',
};

async function refusal(kind: string, connection: unknown): Promise<string> {
  const backend = await loadBackend(kind);
  assert.ok(backend !== undefined);
  try {
    await backend.connect(connection, login, deps, signal);
  } catch (thrown) {
    assert.ok(thrown instanceof KeymountError, String(thrown));
    return formatError(thrown);
  }
  return 'no error';
}

async function named(kind: string, settings: Record<string, unknown>): Promise<unknown> {
  return (await loadBackend(kind))?.connectionSchema.parse(settings);
}

const kinds: [string, Record<string, unknown>, (ca: string) => Record<string, unknown>][] = [
  ['vault', { address: nowhere }, (ca) => ({ tls: { ca } })],
  ['openbao', { address: nowhere }, (ca) => ({ tls: { ca } })],
  ['aws-secretsmanager', { region: 'eu-central-1', stsEndpoint: nowhere }, (ca) => ({ ca })],
  ['aws', { region: 'eu-central-1', auth: { method: 'pod-identity' }, podIdentityEndpoint: nowhere }, (ca) => ({ ca })],
  ['aws-ssm', { region: 'eu-central-1', stsEndpoint: nowhere }, (ca) => ({ ca })],
  ['azure-keyvault', { address: nowhere, authority: nowhere }, (ca) => ({ tls: { ca } })],
  [
    'gcp-secretmanager',
    { tokenEndpoint: `${nowhere}/token`, auth: { method: 'workload-identity', audience: 'a' } },
    (ca) => ({ ca }),
  ],
  [
    'gcp-parametermanager',
    { tokenEndpoint: `${nowhere}/token`, auth: { method: 'workload-identity', audience: 'a' } },
    (ca) => ({ ca }),
  ],
];

const dialects: [DialectName, string, Record<string, unknown>, Record<string, string>, string][] = [
  ['vault', 'vault', {}, { VAULT_ADDR: nowhere }, 'VAULT_CACERT'],
  ['openbao', 'openbao', {}, { BAO_ADDR: nowhere }, 'BAO_CACERT'],
  ['aws', 'aws', { region: 'eu-central-1' }, { AWS_ENDPOINT_URL_STS: nowhere }, 'AWS_CA_BUNDLE'],
  ['gcp', 'gcp-secretmanager', {}, pool, 'KEYMOUNT_GCP_CA'],
  ['gke', 'gcp-secretmanager', {}, pool, 'KEYMOUNT_GCP_CA'],
  ['azure', 'azure-keyvault', { vault: 'kv-shop', clientId: 'c', tenant: 't' }, {}, 'KEYMOUNT_AZURE_CA'],
];

describe('a connection', () => {
  for (const [kind, settings, withCa] of kinds) {
    it(`of kind ${kind} trusts the CAs of the system, or those that it is given`, async () => {
      assert.match(await refusal(kind, await named(kind, settings)), /the CAs of the system were asked for/);
      const own = await named(kind, { ...settings, ...withCa('/gone/own.pem') });
      assert.match(await refusal(kind, own), /cannot read the TLS file \/gone\/own\.pem: ENOENT/);
    });
  }

  for (const [dialect, kind, parameters, env, variable] of dialects) {
    it(`of a ${dialect} class trusts the CAs of the system, or those that the admin gives`, async () => {
      const backend = await loadBackend(kind);
      const inline = (more: Record<string, string>) =>
        backend?.inlineConnection?.(parameters as never, dialect, load({ env: { ...env, ...more } }).settings);
      assert.match(await refusal(kind, inline({})), /the CAs of the system were asked for/);
      assert.match(await refusal(kind, inline({ [variable]: '/gone/own.pem' })), /TLS file \/gone\/own\.pem: ENOENT/);
    });
  }
});

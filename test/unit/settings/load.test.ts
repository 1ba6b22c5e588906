import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KeymountError } from '../../../provider/errors.ts';
import { dialectNames } from '../../../provider/plan/plan.ts';
import { loadSettings } from '../../../provider/settings/load.ts';
import { load, mistakes } from './loading.ts';

const vaultDefaults = {
  address: 'https://127.0.0.1:8200',
  namespace: undefined,
  authMount: 'kubernetes',
  audience: 'vault',
  tls: {
    ca: undefined,
    caDir: undefined,
    serverName: undefined,
    cert: undefined,
    key: undefined,
    skipVerify: false,
  },
  audiences: [],
  allowedAddresses: undefined,
  // As of the Go client: azure/creds may take half a minute.
  timeout: 60_000,
  retries: 2,
  maxConcurrent: 64,
  proxy: undefined,
};

const awsDefaults = {
  region: undefined,
  fips: false,
  dualStack: false,
  endpoints: { all: undefined, secretsManager: undefined, ssm: undefined, sts: undefined, podIdentity: undefined },
  ca: undefined,
  batch: false,
  tokenRequest: false,
  podIdentityTimeout: 5_000,
  timeout: 10_000,
  retries: 2,
  maxConcurrent: 64,
  proxy: undefined,
};
const gcpDefaults = {
  endpoint: undefined,
  regionalEndpoint: undefined,
  iamEndpoint: undefined,
  tokenEndpoint: undefined,
  metadataHost: undefined,
  universeDomain: 'googleapis.com',
  cluster: {
    project: undefined,
    location: undefined,
    name: undefined,
    endpoint: 'https://container.googleapis.com/v1',
  },
  credentials: undefined,
  publishSecret: false,
  providerIdentity: [],
  ca: undefined,
  timeout: 10_000,
  retries: 2,
  maxConcurrent: 64,
  proxy: undefined,
};

const azureDefaults = {
  cloudName: 'AzurePublicCloud',
  environmentFile: undefined,
  environmentDir: undefined,
  tenant: undefined,
  audience: 'api://AzureADTokenExchange',
  tokenRequest: false,
  managedIdentity: [],
  managedIdentityEndpoint: 'http://169.254.169.254',
  tokenProxy: {
    url: 'https://kubernetes.default.svc.cluster.local',
    sniName: undefined,
    ca: '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt',
  },
  constructPemChain: true,
  separateCertAndKey: false,
  ca: undefined,
  timeout: 10_000,
  retries: 3,
  maxConcurrent: 64,
  proxy: undefined,
};

describe('settings of which none is given', () => {
  it('are the defaults', () => {
    const { settings, warnings } = load();
    const { connections, ...rest } = settings;
    assert.deepEqual(rest, {
      socketDir: '/var/run/secrets-store-csi-providers',
      providers: ['vault', 'openbao', 'aws', 'gcp', 'gke', 'azure', 'keymount'],
      stateDir: '/run/keymount',
      providersDirs: [],
      http: undefined,
      metrics: undefined,
      log: { level: 'info', format: 'json' },
      tlsDir: undefined,
      nodeName: undefined,
      podName: undefined,
      kubeconfig: undefined,
      takeover: false,
      tokenRequestFallback: true,
      leaseTokenExpiry: 86_400_000,
      versionKeys: {
        namespace: undefined,
        vault: 'vault-csi-provider-hmac-key',
        openbao: 'openbao-csi-provider-hmac-key',
        aws: 'keymount-version-key',
        gcp: 'keymount-version-key',
        gke: 'keymount-version-key',
        azure: 'keymount-version-key',
        keymount: 'keymount-version-key',
      },
      refreshInterval: 60_000,
      sessionMaxAge: 3_600_000,
      renewalPercent: 67,
      limits: {
        mounts: 256,
        responseBytes: 4_194_304 - 131_072,
        replyBytes: 8_388_608,
        mountTimeout: 110_000,
        drainTimeout: 10_000,
      },
      systemRoots: { file: undefined, dirs: undefined },
      proxy: { https: undefined, http: undefined, no: [] },
      dropIn: {
        vault: vaultDefaults,
        openbao: { ...vaultDefaults, audience: 'openbao' },
        aws: awsDefaults,
        gcp: gcpDefaults,
        azure: azureDefaults,
      },
    });
    assert.deepEqual(Object.keys(connections), []);
    assert.deepEqual(warnings, []);
  });

  it('have a socket for every dialect there is', () => {
    assert.deepEqual(load().settings.providers, dialectNames);
  });
});

describe('settings', () => {
  it('are frozen to the last of them, connections included', () => {
    const { settings } = load({ file: 'connections: { a: { kind: vault, tls: { ca: /ca }, list: [{ x: 1 }] } }' });
    const walk = (value: unknown, path: string) => {
      if (typeof value !== 'object' || value === null) return;
      assert.ok(Object.isFrozen(value), path);
      for (const [key, inner] of Object.entries(value)) walk(inner, `${path}.${key}`);
    };
    walk(settings, 'settings');
    const list = settings.connections['a']?.['list'];
    assert.throws(() => (list as { x: number }[]).push({ x: 2 }), TypeError);
  });

  it('of one load do not depend on another', () => {
    load({ argv: ['--providers=vault', '--vault-addr=https://a:1'] });
    assert.deepEqual(load().settings.providers, dialectNames);
    assert.equal(load().settings.dropIn.vault.address, 'https://127.0.0.1:8200');
  });

  it('are all refused at once, flags first, then variables, then the file by line', () => {
    const found = mistakes({
      argv: ['--log-level=loud', '--socket-dri=/x', '--http'],
      env: { KEYMOUNT_TAKEOVER: 'yes', KEYMOUNT_LOG_FROMAT: 'text', KEYMOUNT_PROXY_HTTPS: 'socks4://p:1' },
      file: [
        'limits:',
        '  mounts: many',
        'stateDir: run',
        'conections: {}',
        'connections:',
        '  web: { allow: [] }',
      ].join('\n'),
    });
    assert.deepEqual(found, [
      '--log-level: must be one of error, warn, info, debug',
      '--socket-dri: is not a known flag; did you mean --socket-dir?',
      '--http: needs a value',
      'KEYMOUNT_LOG_FROMAT: is not a known variable; did you mean KEYMOUNT_LOG_FORMAT?',
      'KEYMOUNT_PROXY_HTTPS: must be http://, https:// or socks5://host:port of a proxy',
      'KEYMOUNT_TAKEOVER: must be true or false',
      '/etc/keymount.yaml:2 limits.mounts: must be a whole number, 1 to 100000',
      '/etc/keymount.yaml:3 stateDir: must be an absolute path',
      '/etc/keymount.yaml:4 conections: is not a known setting; did you mean connections?',
      '/etc/keymount.yaml:6 connections.web.kind: must be of type string',
    ]);
  });

  it('that are wrong are one error with the code settings-invalid and a count', () => {
    const wrong = () => loadSettings({ argv: ['--x', '--y'], env: {}, readFile: () => '' });
    assert.throws(wrong, (error) => error instanceof KeymountError && error.code === 'settings-invalid');
    assert.throws(wrong, {
      message: 'the settings have 2 mistakes\n- --x: is not a known flag\n- --y: is not a known flag',
    });
  });

  it('are checked also where another origin overrides them', () => {
    assert.deepEqual(mistakes({ argv: ['--log-level=info'], env: { KEYMOUNT_LOG_LEVEL: 'inof' } }), [
      'KEYMOUNT_LOG_LEVEL: must be one of error, warn, info, debug; did you mean info?',
    ]);
  });

  it('that two knobs share are refused once', () => {
    assert.equal(mistakes({ argv: ['--allowed-addresses=vault'] }).length, 1);
  });

  it('need both halves of a client certificate', () => {
    assert.deepEqual(
      mistakes({ argv: ['--vault-tls-client-cert=/c'], file: 'dropIn: { openbao: { tls: { key: /k } } }' }),
      [
        'dropIn.openbao.tls: has key but not cert (--openbao-tls-client-cert); a client certificate needs both',
        'dropIn.vault.tls: has cert but not key (--vault-tls-client-key); a client certificate needs both',
      ],
    );
  });

  it('keep the sockets and the state apart', () => {
    assert.deepEqual(mistakes({ argv: ['--state-dir=/d', '--socket-dir=/d'] }), [
      'stateDir: must be another directory than socketDir',
    ]);
  });

  it('name the configuration file that cannot be read by who asked for it', () => {
    assert.deepEqual(mistakes({ argv: ['--config', '/none'] }), ['--config: the file cannot be read (ENOENT)']);
    assert.deepEqual(mistakes({ env: { KEYMOUNT_CONFIG: '/none' } }), [
      'KEYMOUNT_CONFIG: the file cannot be read (ENOENT)',
    ]);
    assert.deepEqual(mistakes({ argv: ['--config=here.yaml'] }), ['--config: must be an absolute path']);
  });
});

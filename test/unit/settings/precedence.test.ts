import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NamedKnob } from '../../../provider/settings/knob.ts';
import { namedKnobs } from '../../../provider/settings/knobs.ts';
import { load, mistakes } from './loading.ts';

// Four values of every form, as text; what they are read as differs from each other and from every default.
const samples: Readonly<Record<string, readonly [string, string, string, string]>> = {
  path: ['/a', '/b', '/c', '/d'],
  text: ['a', 'b', 'c', 'd'],
  mount: ['a', 'b', 'c', 'd'],
  name: ['a', 'b', 'c', 'd'],
  'host:port': [':1', ':2', ':3', ':4'],
  number: ['5', '6', '7', '8'],
  bytes: ['5KiB', '6KiB', '7KiB', '8KiB'],
  duration: ['15s', '16s', '17s', '18s'],
  url: ['http://a:1', 'http://b:1', 'http://c:1', 'http://d:1'],
  'url,...': ['http://a:1', 'http://b:1', 'http://c:1', 'http://d:1'],
  'text,...': ['a', 'b', 'c', 'd'],
  region: ['eu-west-1', 'eu-west-2', 'eu-west-3', 'eu-central-1'],
  host: ['a', 'b:1', 'c', 'd'],
  domain: ['a.example', 'b.example', 'c.example', 'd.example'],
  'path,...': ['/a', '/a,/b', '/c', '/d'],
  'namespace/name,...': ['a/b', 'c/*', 's-*/e', 'f/g'],
  'vault|openbao|aws|gcp|gke|azure|keymount,...': ['vault', 'openbao', 'keymount', 'vault,keymount'],
  'error|warn|info|debug': ['error', 'warn', 'debug', 'info'],
  'json|text': ['text', 'json', 'text', 'json'],
  bool: ['true', 'false', 'true', 'false'],
};

function pick(settings: unknown, path: string): unknown {
  return path.split('.').reduce((value, key) => (value as Record<string, unknown>)[key], settings);
}

function asFile(path: string, value: string): string {
  const keys = path.split('.');
  return `${keys.map((key, depth) => `${'  '.repeat(depth)}${key}:`).join('\n')} ${value}`;
}

function sampleOf({ knob }: NamedKnob) {
  const texts = samples[knob.kind.form];
  assert.ok(texts !== undefined, `no samples for ${knob.kind.form}`);
  return texts.map((text) => {
    const read = knob.kind.read(knob.kind.many ? text.split(',') : [text]);
    assert.ok('value' in read);
    return { text, value: read.value };
  }) as [Sample, Sample, Sample, Sample];
}
interface Sample {
  text: string;
  value: unknown;
}

// A client certificate or key alone is refused, so the other half and both halves of the other dialect are given.
function companions(path: string): string[] {
  if (!/tls\.(?:cert|key)$/.test(path)) return [];
  const own = `--${path.split('.')[1]}-tls-client-${path.split('.')[3]}`;
  const halves = ['vault', 'openbao'].flatMap((dialect) => [
    `--${dialect}-tls-client-cert`,
    `--${dialect}-tls-client-key`,
  ]);
  return halves.filter((flag) => flag !== own).map((flag) => `${flag}=/other`);
}

describe('a flag goes before a variable, that before the file, that before the variables of others', () => {
  for (const named of namedKnobs) {
    const { path, flag, variable, knob } = named;
    it(path, () => {
      const [inFlag, inVariable, inFile, inForeign] = sampleOf(named);
      const foreign = knob.variables ?? [];
      const set = (which: ('flag' | 'variable' | 'file' | 'foreign')[]) => {
        const env: Record<string, string> = {};
        if (which.includes('variable')) env[variable] = inVariable.text;
        if (which.includes('foreign')) for (const name of foreign) env[name] = inForeign.text;
        const argv = [...companions(path), ...(which.includes('flag') ? [`--${flag}=${inFlag.text}`] : [])];
        const file = which.includes('file') ? { file: asFile(path, inFile.text) } : {};
        return pick(load({ argv, env, ...file }).settings, path);
      };
      assert.deepEqual(set(['flag', 'variable', 'file', 'foreign']), inFlag.value);
      assert.deepEqual(set(['variable', 'file', 'foreign']), inVariable.value);
      assert.deepEqual(set(['file', 'foreign']), inFile.value);
      if (foreign.length > 0) assert.deepEqual(set(['foreign']), inForeign.value);
      if (companions(path).length === 0) assert.deepEqual(set([]), knob.default);
    });
  }
});

describe('the variables of others', () => {
  it('give OpenBao its own before those of Vault, and Vault only those of Vault', () => {
    const { dropIn } = load({
      env: {
        BAO_ADDR: 'https://bao:8200',
        VAULT_ADDR: 'https://vault:8200',
        VAULT_NAMESPACE: 'team',
        BAO_CACERT: '/bao.pem',
      },
    }).settings;
    assert.equal(dropIn.vault.address, 'https://vault:8200');
    assert.equal(dropIn.openbao.address, 'https://bao:8200');
    assert.equal(dropIn.openbao.namespace, 'team');
    assert.equal(dropIn.openbao.tls.ca, '/bao.pem');
    assert.equal(dropIn.vault.tls.ca, undefined);
  });

  it('of which the first is empty leave it to the next', () => {
    const { proxy, dropIn } = load({
      env: { HTTPS_PROXY: '', https_proxy: 'p:3128', BAO_ADDR: '', VAULT_ADDR: 'http://v:1' },
    }).settings;
    assert.equal(proxy.https, 'http://p:3128');
    assert.equal(dropIn.openbao.address, 'http://v:1');
  });

  it('are not looked at where keymount has the setting', () => {
    const { dropIn } = load({
      argv: ['--vault-addr=https://v:1'],
      env: { VAULT_ADDR: 'nonsense', BAO_ADDR: 'https://b:1' },
    }).settings;
    assert.equal(dropIn.vault.address, 'https://v:1');
  });

  it('list hosts without a proxy', () => {
    assert.deepEqual(load({ env: { no_proxy: 'localhost, .svc,10.0.0.0/8,' } }).settings.proxy.no, [
      'localhost',
      '.svc',
      '10.0.0.0/8',
    ]);
  });

  for (const truth of ['1', 't', 'T', 'TRUE', 'true', 'True']) {
    it(`skip verification for ${truth}, with a warning`, () => {
      const { settings, warnings } = load({ env: { VAULT_SKIP_VERIFY: truth } });
      assert.equal(settings.dropIn.vault.tls.skipVerify, true);
      assert.equal(settings.dropIn.openbao.tls.skipVerify, true);
      assert.equal(warnings.filter((warning) => warning.includes('not verified')).length, 2);
    });
  }

  it('may hold the CA itself, which goes before the file of one', () => {
    const pem = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    const caOf = (env: Record<string, string>, argv: string[] = []) => {
      const { settings, warnings } = load({ env, argv });
      assert.deepEqual(warnings, []);
      return [settings.dropIn.vault.tls.ca, settings.dropIn.openbao.tls.ca];
    };
    assert.deepEqual(caOf({ VAULT_CACERT_BYTES: pem, VAULT_CACERT: '/v.pem' }), [pem, pem]);
    assert.deepEqual(caOf({ BAO_CACERT_BYTES: `${pem}x`, VAULT_CACERT_BYTES: pem }), [pem, `${pem}x`]);
    assert.deepEqual(caOf({ VAULT_CACERT_BYTES: pem, BAO_CACERT: '/b.pem' }), [pem, pem]);
    assert.deepEqual(caOf({ VAULT_CACERT_BYTES: '', BAO_CACERT: '/b.pem' }), [undefined, '/b.pem']);
    assert.deepEqual(caOf({ VAULT_CACERT_BYTES: pem }, ['--vault-tls-ca-cert=/own.pem']), ['/own.pem', pem]);
    assert.deepEqual(mistakes({ env: { BAO_CACERT_BYTES: 'CANARY' } }), [
      'BAO_CACERT_BYTES: must be an absolute path, or certificates in PEM',
    ]);
  });

  it('say where the CAs of the system are, as Go programs read them', () => {
    const env = { SSL_CERT_FILE: '/etc/own.pem', SSL_CERT_DIR: '/a:/b' };
    assert.deepEqual(load({ env }).settings.systemRoots, { file: '/etc/own.pem', dirs: '/a:/b' });
  });

  it('that hold a token are ignored with a warning, and the token is nowhere', () => {
    const env = { VAULT_TOKEN: 'hvs.CANARY', BAO_TOKEN: 's.CANARY' };
    const loaded = load({ env });
    assert.deepEqual(
      loaded.warnings.map((warning) => warning.split(' is ignored')[0]),
      ['BAO_TOKEN', 'VAULT_TOKEN'],
    );
    assert.ok(!JSON.stringify([loaded, load({ env, file: 'connections: {}' })]).includes('CANARY'));
  });

  it('proxies of the environment that keymount cannot use stop nothing, and are warned of without their value', () => {
    const { settings, warnings } = load({ env: { HTTPS_PROXY: 'socks4://u:hunter2@p:1', http_proxy: 'socks5://q:1' } });
    assert.deepEqual(settings.proxy, { https: 'socks4://u:hunter2@p:1', http: 'socks5://q:1', no: [] });
    assert.deepEqual(warnings, [
      'HTTPS_PROXY must be http://, https:// or socks5://host:port of a proxy; what needs it fails',
    ]);
    const own = load({ env: { HTTPS_PROXY: 'ftp://p' }, argv: ['--proxy-https=http://own:1'] });
    assert.deepEqual([own.settings.proxy.https, own.warnings], ['http://own:1', []]);
  });

  it('that have no effect are named with the flag that has', () => {
    const { warnings } = load({
      env: { VAULT_CLIENT_TIMEOUT: '60', VAULT_SRV_LOOKUP: '', VAULT_AGENT_ADDR: 'unix:///a' },
    });
    assert.deepEqual(warnings, [
      'VAULT_AGENT_ADDR has no effect on keymount; use --vault-addr or --openbao-addr',
      'VAULT_CLIENT_TIMEOUT has no effect on keymount; use --vault-timeout or --openbao-timeout',
    ]);
  });
});

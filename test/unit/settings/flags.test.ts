import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { load, mistakes } from './loading.ts';

describe('a flag', () => {
  it('takes its value after = or as the next argument', () => {
    assert.equal(load({ argv: ['--socket-dir=/a'] }).settings.socketDir, '/a');
    assert.equal(load({ argv: ['--socket-dir', '/a'] }).settings.socketDir, '/a');
  });

  it('that says yes or no may stand alone', () => {
    assert.equal(load({ argv: ['--takeover', '--http=:1'] }).settings.takeover, true);
    assert.equal(load({ argv: ['--token-request-fallback=false'] }).settings.tokenRequestFallback, false);
    assert.deepEqual(mistakes({ argv: ['--takeover', 'false'] }), [
      'argument 2: is neither a flag nor the value of one',
    ]);
  });

  it('of a list takes commas and repetition', () => {
    const { dropIn } = load({
      argv: ['--allowed-addresses=https://a:1, https://b:1', '--allowed-addresses', 'https://c:1'],
    }).settings;
    assert.deepEqual(dropIn.vault.allowedAddresses, ['https://a:1', 'https://b:1', 'https://c:1']);
    assert.deepEqual(dropIn.openbao.allowedAddresses, dropIn.vault.allowedAddresses);
  });

  it('with an empty value is as if it were not given', () => {
    const argv = ['--http=', '--vault-addr', '', '--allowed-addresses=', '--providers=', '--takeover='];
    const { settings } = load({ argv, env: { KEYMOUNT_HTTP: ':1', VAULT_ADDR: 'http://v:1' } });
    assert.equal(settings.http, ':1');
    assert.equal(settings.dropIn.vault.address, 'http://v:1');
    assert.equal(settings.dropIn.vault.allowedAddresses, undefined);
    assert.ok(settings.providers.length > 3);
    assert.equal(settings.takeover, false);
  });

  const refused: readonly [string[], string[]][] = [
    [['--log-level'], ['--log-level: needs a value']],
    [
      ['--log-level', '--takeover'],
      ['--log-level: needs a value; one that begins with a dash is written --log-level=VALUE'],
    ],
    [['--http=:1', '--http=:2'], ['--http: is given more than once']],
    [['--providers=vault,vault'], ['--providers: entry 2 is a repetition']],
    [
      ['--providers=vault,opnbao'],
      ['--providers: entry 2 must be one of vault, openbao, aws, gcp, gke, azure, keymount; did you mean openbao?'],
    ],
    [['-vault-addr=https://v'], ['-vault-addr: is not a known flag; did you mean --vault-addr?']],
    [
      ['--vault-adr', 'https://v', 'x'],
      [
        '--vault-adr: is not a known flag; did you mean --vault-addr?',
        'argument 3: is neither a flag nor the value of one',
      ],
    ],
    [['--endpoint=/provider/vault.sock'], ['--endpoint: is not a known flag; did you mean --socket-dir?']],
    [['--health-addr=:8080'], ['--health-addr: is not a known flag; did you mean --http?']],
    [['--hmac-secret-name=x'], ['--hmac-secret-name: is not a known flag; did you mean --version-keys-vault?']],
    [['--cache-size=10'], ['--cache-size: is not a known flag']],
    [['--__proto__=1'], ['--__proto__: is not a known flag']],
    [['--', '--takeover'], ['argument 2: is neither a flag nor the value of one']],
    [['serve'], ['argument 1: is neither a flag nor the value of one']],
  ];
  for (const [argv, problems] of refused) {
    it(`is refused in: ${argv.join(' ')}`, () => assert.deepEqual(mistakes({ argv }), problems));
  }

  it('that is refused does not show its value', () => {
    const argv = [
      '--vault-token=CANARY',
      '--tokne',
      'CANARY',
      'CANARY',
      '-CANARY',
      '--http=CANARY',
      '--vault-proxy=ftp://u:CANARY@p',
      '--vault-addr=https://u:CANARY@v',
    ];
    const text = mistakes({ argv }).join('\n').replace('-CANARY: is not', '');
    assert.ok(!text.includes('CANARY'), text);
  });
});

describe('a variable', () => {
  it('is refused if it begins with KEYMOUNT_ and is unknown', () => {
    assert.deepEqual(mistakes({ env: { KEYMOUNT_SOCKETDIR: '/CANARY', KEYMOUNT_ZZZ: 'CANARY', OTHER: 'x' } }), [
      'KEYMOUNT_SOCKETDIR: is not a known variable; did you mean KEYMOUNT_SOCKET_DIR?',
      'KEYMOUNT_ZZZ: is not a known variable',
    ]);
  });

  it('that Kubernetes sets for a Service called keymount is no mistake', () => {
    const env = {
      KEYMOUNT_SERVICE_HOST: '10.0.0.1',
      KEYMOUNT_SERVICE_PORT: '8080',
      KEYMOUNT_SERVICE_PORT_METRICS: '8080',
      KEYMOUNT_PORT: 'tcp://10.0.0.1:8080',
      KEYMOUNT_PORT_8080_TCP: 'tcp://10.0.0.1:8080',
      KEYMOUNT_PORT_8080_TCP_PROTO: 'tcp',
      KEYMOUNT_PORT_8080_TCP_PORT: '8080',
      KEYMOUNT_PORT_8080_TCP_ADDR: '10.0.0.1',
      KEYMOUNT_METRICS_SERVICE_HOST: '10.0.0.1',
      KEYMOUNT_METRICS_PORT_8080_TCP_ADDR: '10.0.0.1',
    };
    assert.deepEqual(mistakes({ env }), []);
  });

  it('that is empty or undefined is as if it were not set', () => {
    assert.deepEqual(
      load({ env: { KEYMOUNT_HTTP: '', KEYMOUNT_ZZZ: '', KEYMOUNT_LOG_LEVEL: undefined } }).settings,
      load().settings,
    );
  });
});

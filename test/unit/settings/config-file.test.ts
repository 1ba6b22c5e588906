import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { load, mistakes } from './loading.ts';

const lines = (...text: string[]) => text.join('\n');

describe('the configuration file', () => {
  it('may be empty, a comment, or have empty values', () => {
    for (const file of ['', '# nothing', '---', '{}', lines('http:', 'log: ~', 'socketDir: ""', 'connections:')]) {
      assert.deepEqual(load({ file }).settings, load().settings);
    }
  });

  it('nests its keys', () => {
    const { settings } = load({
      file: lines(
        'socketDir: /sockets',
        'providers: [vault, keymount]',
        'takeover: true',
        'limits:',
        '  mounts: 12',
        '  responseBytes: 1MiB',
        '  mountTimeout: 1m30s',
        '  drainTimeout: 0',
        'dropIn:',
        '  vault:',
        '    tls: { serverName: v.example }',
        '    allowedAddresses:',
        '      - https://*.vault.example:8200',
        '  openbao: { allowedAddresses: [] }',
      ),
    });
    assert.equal(settings.socketDir, '/sockets');
    assert.deepEqual(settings.providers, ['vault', 'keymount']);
    assert.equal(settings.takeover, true);
    assert.deepEqual(settings.limits, {
      mounts: 12,
      responseBytes: 2 ** 20,
      replyBytes: 2 ** 23,
      mountTimeout: 90_000,
      drainTimeout: 0,
    });
    assert.equal(settings.dropIn.vault.tls.serverName, 'v.example');
    assert.deepEqual(settings.dropIn.vault.allowedAddresses, ['https://*.vault.example:8200']);
    assert.deepEqual(settings.dropIn.openbao.allowedAddresses, []);
  });

  it('reads numbers as they are written', () => {
    const file = lines(
      'versionKeys: { vault: 1.10 }',
      'dropIn: { vault: { namespace: 007, audience: 12345678901234567890 } }',
    );
    const { versionKeys, dropIn } = load({ file }).settings;
    assert.equal(versionKeys.vault, '1.10');
    assert.equal(dropIn.vault.namespace, '007');
    assert.equal(dropIn.vault.audience, '12345678901234567890');
  });

  const refused: readonly [string, string[]][] = [
    ['log: { levle: info }', ['1 log.levle: is not a known setting; did you mean level?']],
    ['logLevel: info', ['1 logLevel: is not a known setting; did you mean log.level?']],
    ['log-level: info', ['1 log-level: is not a known setting; did you mean log.level?']],
    ['socket-dir: /x', ['1 socket-dir: is not a known setting; did you mean socketDir?']],
    ['config: /x', ['1 config: is not a known setting']],
    ['constructor: 1', ['1 constructor: is not a known setting']],
    ['__proto__: { socketDir: /x }', ['1 __proto__: is not a known setting']],
    ['log: info', ['1 log: must be a map with level, format']],
    ['log: [info]', ['1 log: must be a map with level, format']],
    ['socketDir: [/x]', ['1 socketDir: must be a single value']],
    ['socketDir: { a: b }', ['1 socketDir: must be a single value']],
    ['providers: { a: b }', ['1 providers: must be a list of texts']],
    ['providers: [[vault]]', ['1 providers: must be a list of texts']],
    ['providers: []', ['1 providers: must have at least 1']],
    ['limits: { mountTimeout: 110 }', ['1 limits.mountTimeout: must be a duration like 10s, 1m30s, 500ms, 2h or 0']],
    ['limits: { mountTimeout: 500ms }', ['1 limits.mountTimeout: must be at least 1s']],
    ['limits: { mounts: 0x10 }', ['1 limits.mounts: must be a whole number, 1 to 100000']],
    ['takeover: yes', ['1 takeover: must be true or false']],
    ['- a', ['1: must be a map of settings']],
    ['CANARY', ['1: must be a map of settings']],
    ['? [a, b]\n: c', ['1: a key must be a text']],
    [lines('http: ":1"', 'http: ":2"'), ['2: is not valid YAML: duplicate key']],
    [lines('http: ":1"', '---', 'http: ":2"'), ['2: is not valid YAML: multiple docs']],
    [lines('log:', '\tlevel: CANARY'), ['2: is not valid YAML: tab as indent']],
    [lines('a: "CANARY', 'b: c'), ['2: is not valid YAML: missing char']],
    ['a: !CANARY b', ['1: is not valid YAML: tag resolve failed']],
    ['a: *CANARY', ['1: is an alias of nothing']],
    [lines('a: b', 'CANARY CANARY', 'c: d'), ['2: is not valid YAML: multiline implicit key']],
  ];
  for (const [file, problems] of refused) {
    it(`is refused, with the line: ${JSON.stringify(file)}`, () => {
      const found = mistakes({ file });
      assert.deepEqual(
        found.slice(0, problems.length),
        problems.map((problem) => `/etc/keymount.yaml:${problem}`),
      );
      assert.ok(!found.join().includes('CANARY'), found.join());
    });
  }

  it('does not hang or overflow on aliases and nesting', () => {
    const bomb = ['a0: &a0 [x, x]', ...Array.from({ length: 40 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]`)];
    for (const file of [lines(...bomb), 'connections: &c { a: *c }', `a: ${'['.repeat(20_000)}`]) {
      assert.ok(mistakes({ file }).length > 0);
    }
  });
});

describe('a place in the configuration file', () => {
  const { placeOf } = load({
    file: lines(
      'connections:',
      '  web:',
      '    kind: vault',
      '    tls:',
      '      ca: /ca',
      '    list:',
      '      - a',
      '      - b: c',
    ),
  });
  const places: readonly [PropertyKey[], number][] = [
    [['connections', 'web'], 2],
    [['connections', 'web', 'tls', 'ca'], 5],
    [['connections', 'web', 'tls', 'serverName'], 4],
    [['connections', 'web', 'list', 1, 'b'], 8],
    [['connections', 'web', 'kind', 'deeper'], 3],
    [['connections', 'other'], 1],
    [['nothing'], 1],
  ];
  for (const [path, line] of places) {
    it(`of ${path.join('.')} is line ${line}`, () => {
      assert.deepEqual(placeOf(path), { from: `/etc/keymount.yaml:${line} ${path.join('.')}`, line });
    });
  }
});

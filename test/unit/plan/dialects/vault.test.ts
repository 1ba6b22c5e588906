import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mistakesOf, type Parameters, planOf, vaultClass, warningsOf } from '../a-class.ts';

const only = (parameters: Parameters): string => {
  const mistakes = mistakesOf('vault', parameters);
  assert.equal(mistakes.length, 1, mistakes.join('\n'));
  return mistakes[0] as string;
};

describe('the objects of a class', () => {
  const absent: [string, Parameters][] = [
    ['missing', { roleName: 'web' }],
    ['empty', vaultClass('')],
    ['only spaces', vaultClass('  \n\n')],
    ['only a comment', vaultClass('# - objectName: a\n')],
    ['null', vaultClass('null')],
    ['a tilde', vaultClass('~')],
  ];
  for (const [what, parameters] of absent) {
    it(`must not be ${what}; the error shows how they are written`, () => {
      assert.match(only(parameters), /^objects: is missing or empty; .*- \{objectName: password, secretPath: /);
    });
  }

  const shapes: [string, string, RegExp][] = [
    ['an empty list', '[]', /^objects: is an empty list/],
    [
      'an array in a map, as before version 0.0.6',
      'array:\n  - |\n    objectName: a\n',
      /^objects \(line 1\): .*remove the line 'array:'/,
    ],
    ['an array of objects in a map', 'array:\n- objectName: a\n  secretPath: s\n', /remove the line 'array:'/],
    [
      'one object without its dash',
      'objectName: a\nsecretPath: s\n',
      /^objects \(line 1\): must be a list: put '- ' before/,
    ],
    ['an empty map', '{}', /must be a list/],
    ['a text', 'secret/data/a', /^objects \(line 1\): must be a list of objects, not "secret\/data\/a"/],
    ['a text too long to be shown', 'x'.repeat(100), /must be a list of objects, not what is written$/],
    [
      'a list of texts',
      '- |\n  objectName: a\n  secretPath: s\n',
      /^objects\[0\] \(line 1\): must be an object with fields, but is a text/,
    ],
    [
      'a list of lists',
      '\n- - objectName: a\n',
      /^objects\[0\] \(line 2\): must be an object with fields, but is a list/,
    ],
    ['a list with nothing in it', '-\n', /^objects\[0\] \(line 1\): must be an object with fields, but is empty/],
    [
      'a tab as indentation',
      '- objectName: a\n  secretPath: s\n- objectName: b\n\tsecretPath: s\n',
      /^objects \(line 4\): is not valid YAML: /,
    ],
    [
      'broken indentation',
      '- objectName: a\n  secretPath: s\n   secretKey: k\n',
      /^objects \(line \d\): is not valid YAML: /,
    ],
    [
      'a value that is indented less than its key',
      '- objectName:\n  db\n  secretPath: s\n',
      /^objects \(line 2\): is not valid YAML: /,
    ],
    [
      'the same field twice',
      '- objectName: a\n  secretPath: s\n  objectName: b\n',
      /^objects \(line 3\): .*key "objectName" is given twice \(first on line 1\)/,
    ],
    ['more than 128 KiB', `- {objectName: a, secretPath: s}\n#${'x'.repeat(128 * 1024)}`, /larger than 128 KiB/],
  ];
  for (const [what, objects, mistake] of shapes) {
    it(`must not be ${what}, and the error says where`, () => assert.match(only(vaultClass(objects)), mistake));
  }

  it('written as parameters beside each other are shown as a list', () => {
    const mistakes = mistakesOf('vault', {
      roleName: 'web',
      objectName: 'a',
      secretPath: 'secret/data/a',
      secretKey: 'k',
    });
    assert.match(mistakes.join('\n'), /objects: "- \{objectName: a, secretPath: secret\/data\/a, secretKey: k\}"/);
  });

  it('may be JSON', () => {
    const { outputs } = planOf(
      'vault',
      vaultClass('[{"objectName":"a","secretPath":"s"},{"objectName":"b","secretPath":"s"}]'),
    );
    assert.deepEqual(
      outputs.map(({ path }) => path),
      ['a', 'b'],
    );
  });

  it('may share fields by anchors and merge keys', () => {
    const { outputs, sources } = planOf(
      'vault',
      vaultClass('- &db {objectName: u, secretPath: s, secretKey: user}\n- {<<: *db, objectName: p, secretKey: pw}\n'),
    );
    assert.deepEqual(
      outputs.map(({ path, select }) => [path, select]),
      [
        ['u', { key: 'user' }],
        ['p', { key: 'pw' }],
      ],
    );
    assert.equal(sources.length, 1);
  });

  it('keep their lines behind comments and empty lines', () => {
    const { outputs } = planOf(
      'vault',
      vaultClass('# first\n- objectName: a\n  secretPath: s\n\n# second\n- secretPath: s\n  objectName: b\n'),
    );
    assert.deepEqual(
      outputs.map(({ at }) => at),
      [
        { path: 'objects[0]', name: 'a', line: 2 },
        { path: 'objects[1]', name: 'b', line: 6 },
      ],
    );
  });
});

describe('all mistakes of a class', () => {
  const objects = `- secretPath: b
  method: DELETE
  filePermission: 644
  encoding: utf16
  secretKey: k
- objectName: ../x
- objectName: c
  secretPath: a/../b
  optional: perhaps
  version: new
- {objectName: d, secretPath: s}
- {objectName: d, secretPath: s}
`;

  it('are told at once, each with its line', () => {
    const mistakes = mistakesOf('vault', { objects, vaultSkipTLSVerify: 'yes', vaultTLSClientKeyPath: 'k' });
    const places = mistakes.map((mistake) => /^(\S+?)(?: ".*")?(?: \(line (\d+)\))?: /.exec(mistake)?.slice(1));
    assert.deepEqual(places, [
      ['parameters.roleName', undefined],
      ['parameters.vaultSkipTLSVerify', undefined],
      ['parameters', undefined],
      ['objects[0].objectName', '1'],
      ['objects[0].method', '2'],
      ['objects[0].encoding', '4'],
      ['objects[0].filePermission', '3'],
      ['objects[1].objectName', '6'],
      ['objects[1].secretPath', '6'],
      ['objects[2].secretPath', '8'],
      ['objects[2].optional', '9'],
      ['objects[4]', '12'],
    ]);
  });

  it('are one for each object without a name: such objects are no file twice', () => {
    const mistakes = mistakesOf('vault', vaultClass('- {secretPath: s}\n- {secretPath: t}'));
    assert.deepEqual(mistakes, [
      'objects[0].objectName (line 1): is missing; it names the file',
      'objects[1].objectName (line 2): is missing; it names the file',
    ]);
  });

  it('are told in the same words each time', () => {
    assert.deepEqual(mistakesOf('vault', vaultClass(objects)), mistakesOf('vault', vaultClass(objects)));
  });

  it('beyond a hundred are counted', () => {
    const many = Array.from({ length: 140 }, () => '- {secretPath: s}').join('\n');
    const mistakes = mistakesOf('vault', vaultClass(many));
    assert.equal(mistakes.length, 101);
    assert.equal(mistakes.at(-1), '+40 more');
  });

  const hostile: [string, string][] = [
    [
      'thousands of aliases of a path of thousands of elements',
      `- &o {objectName: ${'x/'.repeat(2040)}y, secretPath: s}\n${'- *o\n'.repeat(2000)}`,
    ],
    [
      'a chain of files that are directories of each other',
      Array.from({ length: 350 }, (_, i) => `- {objectName: ${'a/'.repeat(i)}a, secretPath: s}`).join('\n'),
    ],
    [
      'thousands of keys that are nearly known',
      `- {objectName: a, secretPath: s,${Array.from({ length: 4000 }, (_, i) => `secretKex${i}: 1`).join(',')}}`,
    ],
    ['thousands of equal files', '- {objectName: a, secretPath: s}\n'.repeat(2500)],
    ['one path of 60 000 elements', `- {objectName: ${'x/'.repeat(60_000)}y, secretPath: s}`],
  ];
  /** Errors, or where there are none warnings. */
  const told = (text: string) => {
    const mistakes = mistakesOf('vault', vaultClass(text));
    return mistakes.length > 0 ? mistakes : warningsOf('vault', vaultClass(text));
  };
  for (const [what, text] of hostile) {
    it(`in ${what} do not hold the process up, and stay a short text`, () => {
      const started = process.cpuUsage().user;
      const parsed = told(text);
      assert.ok(process.cpuUsage().user - started < 1_000_000);
      assert.ok(parsed.length > 0);
      assert.ok(parsed.join().length < 50_000);
    });
  }
});

describe('a class for OpenBao', () => {
  it('is the same with its own prefixes', () => {
    const objects = '- {objectName: a, secretPath: secret/data/a, secretKey: k}';
    const bao = planOf('openbao', { baoRoleName: 'web', baoAddress: 'https://b', objects });
    const vault = planOf('vault', { roleName: 'web', vaultAddress: 'https://b', objects });
    assert.deepEqual(bao.outputs, vault.outputs);
    assert.equal(bao.dialect, 'openbao');
    assert.deepEqual(bao.sources[0]?.access.connection, {
      kind: 'inline',
      backend: 'vault',
      profile: 'openbao',
      settings: { address: 'https://b' },
    });
  });
});

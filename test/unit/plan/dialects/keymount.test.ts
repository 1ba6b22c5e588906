import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mistakesOf, onlyFile, type Parameters, planOf } from '../a-class.ts';

const nativeClass = (objects: string, more: Parameters = {}): Parameters => ({ connection: 'prod', objects, ...more });
const object = (fields: string) => nativeClass(`- {file: a, secret: s${fields === '' ? '' : `, ${fields}`}}`);
const fileOf = (fields: string) => onlyFile('keymount', object(fields)).output;
const sourceOf = (fields: string) => onlyFile('keymount', object(fields)).source;
const mistakes = (fields: string) => mistakesOf('keymount', object(fields));

describe('an object of our own format', () => {
  it('is a file of one key of a secret', () => {
    const { output, source } = onlyFile(
      'keymount',
      nativeClass('- file: db/password\n  secret: kv/shop/db\n  key: password\n  mode: "0400"\n'),
    );
    assert.equal(output.path, 'db/password');
    assert.deepEqual(output.select, { key: 'password' });
    assert.equal(output.mode, 0o400);
    assert.equal(output.versionPrefix, undefined);
    assert.deepEqual(output.at, { path: 'objects[0]', name: 'db/password', line: 1 });
    assert.equal(source.address, 'kv/shop/db');
    assert.deepEqual(source.access, { connection: { kind: 'named', name: 'prod' } });
  });

  it('without a key is all keys as JSON', () => assert.deepEqual(fileOf('').select, { whole: 'keys' }));

  it('takes a key literally', () => {
    assert.deepEqual(fileOf('key: a.b/c').select, { key: 'a.b/c' });
    assert.deepEqual(fileOf('key: 00012').select, { key: '00012' });
    assert.deepEqual(fileOf('key: no').select, { key: 'no' });
    assert.deepEqual(fileOf('key: 1.10').select, { key: '1.10' });
    assert.deepEqual(fileOf('key: __proto__').select, { key: '__proto__' });
  });

  it('leaves the address to its backend', () => {
    for (const address of ['kv/../x', '/v1/x?y=1', 'arn:aws:secretsmanager:eu-west-1:1:secret:x', 'a b'])
      assert.equal(onlyFile('keymount', nativeClass(`- {file: a, secret: "${address}"}`)).source.address, address);
  });

  it('pins a version in the spelling of its backend', () => {
    assert.equal(sourceOf('version: 00012').version, '00012');
    assert.equal(sourceOf('version: AWSPREVIOUS').version, 'AWSPREVIOUS');
    assert.equal(sourceOf('version: 3').refresh, 'once');
  });

  for (const decode of ['base64', 'base64url', 'hex', 'Base64']) {
    it(`decodes ${decode}`, () => assert.equal(fileOf(`decode: ${decode}`).decode, decode.toLowerCase()));
  }

  it('may make a request instead of a plain read, a PUT unless it says otherwise', () => {
    assert.deepEqual(sourceOf('request: {args: {common_name: web, ttl: 24h}}').request, {
      method: 'PUT',
      args: { common_name: 'web', ttl: '24h' },
    });
    assert.deepEqual(sourceOf('request: {method: list}').request, { method: 'LIST' });
    assert.deepEqual(sourceOf('request: {}').request, { method: 'PUT' });
    assert.equal(sourceOf('request: ~').request, undefined);
  });

  it('may name another connection than the class', () => {
    const objects =
      '- {file: a, secret: s}\n- {file: b, secret: s, connection: other}\n- {file: c, secret: s, connection: ""}\n';
    const { sources } = planOf('keymount', nativeClass(objects));
    assert.deepEqual(
      sources.map(({ access }) => access.connection),
      [
        { kind: 'named', name: 'prod' },
        { kind: 'named', name: 'other' },
      ],
    );
  });

  it('has role and audience of the class', () => {
    const { source } = onlyFile('keymount', nativeClass('- {file: a, secret: s}', { role: 'web', audience: 'v' }));
    assert.deepEqual(source.access, { connection: { kind: 'named', name: 'prod' }, role: 'web', audience: 'v' });
  });

  it('has the freshness of the class unless it has its own', () => {
    const objects =
      '- {file: a, secret: a}\n- {file: b, secret: b, refreshInterval: 5s}\n- {file: c, secret: c, version: 1}\n';
    const { sources } = planOf('keymount', nativeClass(objects, { refreshInterval: '2m', staleOnError: '1h' }));
    assert.deepEqual(
      sources.map(({ refresh, staleOnError }) => [refresh, staleOnError]),
      [
        [120_000, 3_600_000],
        [5_000, 3_600_000],
        ['once', 3_600_000],
      ],
    );
  });
});

describe('a mistake in our own format', () => {
  const wrong: [string, string, string][] = [
    ['an unknown field', 'zzz: 1', 'objects[0].zzz "a" (line 1): is not a known field; known are file, secret, '],
    [
      'a field of every JavaScript object',
      'constructor: 1',
      'objects[0].constructor "a" (line 1): is not a known field; known are file, secret, ',
    ],
    [
      'a field of the Vault format',
      'secretKey: k',
      'objects[0].secretKey "a" (line 1): is not a known field; did you mean key?',
    ],
    ['an encoding', 'encoding: hex', 'objects[0].encoding "a" (line 1): is not a known field; did you mean decode?'],
    [
      'a permission',
      'filePermission: 0600',
      'objects[0].filePermission "a" (line 1): is not a known field; did you mean mode?',
    ],
    [
      'a misspelled field',
      'optionl: true',
      'objects[0].optionl "a" (line 1): is not a known field; did you mean optional?',
    ],
    ['a template', 'template: x', 'objects[0].template "a" (line 1): is not supported by this version'],
    [
      'a wrong decode',
      'decode: rot13',
      'objects[0].decode "a" (line 1): must be one of base64, base64url, hex, utf-8, not "rot13"',
    ],
    ['a wrong mode', 'mode: 0888', 'objects[0].mode "a" (line 1): must be octal between 0000 and 0777'],
    ['a wrong optional', 'optional: yes', 'objects[0].optional "a" (line 1): must be true or false'],
    ['a request that is a text', 'request: PUT', 'objects[0].request "a" (line 1): must hold method and args'],
    [
      'a request that deletes',
      'request: {method: DELETE}',
      'objects[0].request.method "a" (line 1): must be GET, PUT, POST or LIST, not "DELETE"',
    ],
    ['arguments that are a list', 'request: {args: [a]}', 'objects[0].request.args "a" (line 1): must be a mapping'],
    [
      'an unknown field of a request',
      'request: {methd: PUT}',
      'objects[0].request.methd "a" (line 1): is not a known field; did you mean method?',
    ],
    [
      'secretArgs in a request',
      'request: {secretArgs: {}}',
      'objects[0].request.secretArgs "a" (line 1): is not a known field; did you mean args?',
    ],
    ['a key that is a list', 'key: [a]', 'objects[0].key "a" (line 1): must be a text, not a list'],
  ];
  for (const [what, fields, mistake] of wrong) {
    it(`such as ${what} is an error at its place`, () => {
      const [first = '', ...others] = mistakes(fields);
      assert.ok(first.startsWith(mistake), first);
      assert.deepEqual(others, []);
    });
  }

  it('such as a missing name, secret and connection are told together', () => {
    assert.deepEqual(mistakesOf('keymount', { objects: '- {key: k}\n- {file: ../b, secret: s, connection: c}' }), [
      'objects[0].file (line 1): is missing; it names the file',
      'objects[0].secret (line 1): is missing; it is the name of the secret in its store',
      'objects[0].connection (line 1): is missing; name one here or for the whole class in parameters.connection',
      'objects[1].file "../b" (line 2): "../b" is no path that the driver takes: it must not contain \'..\'',
    ]);
  });

  it('such as two objects of one file names both', () => {
    assert.match(
      mistakesOf('keymount', nativeClass('- {file: a, secret: s}\n- {file: a, secret: t}')).join(),
      /objects\[1\] "a" \(line 2\): and objects\[0\] "a"/,
    );
  });

  it('such as an object of the Vault format is told field by field', () => {
    const [first] = mistakesOf('keymount', nativeClass('- {objectName: a, secretPath: s, secretKey: k}'));
    assert.equal(first, 'objects[0].objectName (line 1): is not a known field; did you mean file?');
  });

  it('such as wrong freshness of the class is an error at its parameter', () => {
    assert.match(
      mistakesOf('keymount', nativeClass('- {file: a, secret: s}', { refreshInterval: '5' })).join(),
      /^parameters\.refreshInterval: must be/,
    );
  });

  for (const [name, meant] of [
    ['roleName', 'role'],
    ['conection', 'connection'],
    ['Role', 'role'],
  ] as const) {
    it(`such as the parameter ${name} is an error that guesses ${meant}`, () => {
      assert.deepEqual(mistakesOf('keymount', nativeClass('- {file: a, secret: s}', { [name]: 'x' })), [
        `parameters.${name}: is not a known parameter; did you mean ${meant}?`,
      ]);
    });
  }
});

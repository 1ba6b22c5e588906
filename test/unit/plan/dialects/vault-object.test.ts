import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Output } from '../../../../provider/plan/plan.ts';
import { golden, mistakesOf, onlyFile, planOf, vaultClass, warningsOf } from '../a-class.ts';

/** The single object `{objectName: a, secretPath: s, …}`. */
const object = (fields: string) => vaultClass(`- {objectName: a, secretPath: s${fields === '' ? '' : `, ${fields}`}}`);
const fileOf = (fields: string): Output => onlyFile('vault', object(fields)).output;
const mistakes = (fields: string) => mistakesOf('vault', object(fields));

describe('an object of a Vault class', () => {
  it('is a file of one key of a secret', () => {
    const { output, source } = onlyFile(
      'vault',
      vaultClass('- {objectName: db/pw, secretPath: secret/data/db, secretKey: p}'),
    );
    assert.equal(output.path, 'db/pw');
    assert.deepEqual(output.select, { key: 'p' });
    assert.equal(output.decode, 'utf-8');
    assert.equal(output.optional, false);
    assert.equal(output.mode, undefined);
    assert.equal(source.address, '/v1/secret/data/db');
    assert.equal(source.request, undefined);
    assert.deepEqual(output.at, { path: 'objects[0]', name: 'db/pw', line: 1 });
  });

  it('without a key is the whole reply', () => {
    for (const fields of ['', 'secretKey: ""', 'secretKey: ~', 'secretKey:'])
      assert.deepEqual(fileOf(fields).select, { whole: 'reply' });
  });

  it('ignores the encoding of a whole reply, as the Go provider does', () => {
    assert.equal(fileOf('encoding: base64').decode, 'utf-8');
  });

  it('takes every text as it is written, whatever YAML would make of it', () => {
    const { output, source } = onlyFile('vault', vaultClass('- {objectName: 0644, secretPath: 1.10, secretKey: no}'));
    assert.equal(output.path, '0644');
    assert.equal(source.address, '/v1/1.10');
    assert.deepEqual(output.select, { key: 'no' });
  });

  it('shares its read with objects that want another key of the same path', () => {
    const objects = [
      '- {objectName: a, secretPath: secret/data/db, secretKey: x}',
      '- {objectName: b, secretPath: /v1/secret/data/db, secretKey: y}',
      '- {objectName: c, secretPath: v1/secret//data/db/, method: get}',
    ];
    const { sources, outputs } = planOf('vault', vaultClass(objects.join('\n')));
    assert.equal(sources.length, 1);
    assert.deepEqual(
      outputs.map(({ source }) => source),
      [0, 0, 0],
    );
  });

  it('shares no read with another path, query, method, argument or connection', () => {
    const fields = [
      'secretPath: p',
      'secretPath: q',
      'secretPath: p?version=1',
      'secretPath: p, method: PUT',
      'secretPath: p, method: POST',
      'secretPath: p, method: PUT, secretArgs: {}',
      'secretPath: p, method: PUT, secretArgs: {common_name: a}',
      'secretPath: p, method: PUT, secretArgs: {common_name: b}',
      'secretPath: p, method: PUT, secretArgs: {common_name: "1"}',
      'secretPath: p, method: PUT, secretArgs: {common_name: 1}',
      'secretPath: p, secretArgs: {common_name: a}',
      'secretPath: p, connection: other',
      'secretPath: p, connection: another',
    ];
    const objects = fields.map((text, index) => `- {objectName: f${index}, ${text}}`).join('\n');
    assert.equal(planOf('vault', vaultClass(objects)).sources.length, fields.length);
  });
});

describe('an unknown key of an object', () => {
  const meant: [string, string][] = [
    ['secretkey', 'secretKey'],
    ['SecretKey', 'secretKey'],
    ['secret_key', 'secretKey'],
    ['filePermissions', 'filePermission'],
    ['content', 'encoding'],
    ['objectEncoding', 'encoding'],
    ['args', 'secretArgs'],
  ];
  for (const [key, known] of meant) {
    it(`named ${key} is a warning that guesses ${known}: the Go provider ignores it`, () => {
      assert.deepEqual(mistakes(`${key}: x`), []);
      assert.deepEqual(warningsOf('vault', object(`${key}: x`)), [
        `objects[0].${key} "a" (line 1): is not a known field and is ignored; did you mean ${known}?`,
      ]);
    });
  }

  for (const [key, known] of [
    ['objectname', 'objectName'],
    ['objectAlias', 'objectName'],
    ['objectType', 'objectName'],
    ['secretpath', 'secretPath'],
    ['secretName', 'secretPath'],
    ['objectPath', 'secretPath'],
  ]) {
    it(`named ${key} is a warning where ${known} is there as well: such classes work today`, () => {
      assert.deepEqual(warningsOf('vault', object(`${key}: x`)), [
        `objects[0].${key} "a" (line 1): is not a known field and is ignored; ${known} counts`,
      ]);
    });
  }

  it('named objectName in another spelling is an error where objectName is missing', () => {
    assert.match(
      mistakesOf('vault', vaultClass('- {objectname: a, secretPath: s}')).join(),
      /objectname \(line 1\): is not a known field; did you mean objectName\?/,
    );
  });

  it('named objectVersion, of a format before the first release, is a warning: no provider ever pinned a version by it', () => {
    assert.deepEqual(warningsOf('vault', object('objectVersion: "1"')), [
      'objects[0].objectVersion "a" (line 1): is not a known field and is ignored; did you mean version?',
    ]);
  });

  for (const key of ['comment', 'team', 'x-owner', 'constructor', '__proto__', 'toString', 'hasOwnProperty', '']) {
    it(`named ${JSON.stringify(key)} is near nothing and a warning: such classes work today`, () => {
      assert.deepEqual(warningsOf('vault', object(`${JSON.stringify(key)}: x`)), [
        `objects[0].${key} "a" (line 1): is not a known field and is ignored`,
      ]);
    });
  }

  it('does not fill the log, neither by its name nor by its number', () => {
    const keys = ['x'.repeat(50_000), ...Array.from({ length: 3000 }, (_, i) => `zz${i}zz`)];
    const warnings = warningsOf('vault', object(keys.map((key) => `${key}: 1`).join(',')));
    assert.ok(warnings.length <= 100);
    assert.ok(warnings.every(({ length }) => length < 200));
  });
});

describe('what the Go provider mixes into a version', () => {
  for (const { in: text, out } of golden.objects) {
    it(`is, for ${text}, what Go marshals`, () => {
      const { output } = onlyFile('vault', vaultClass(`- ${text}`));
      assert.equal(output.versionPrefix, out);
    });
  }
});

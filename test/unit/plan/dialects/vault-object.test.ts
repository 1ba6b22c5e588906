import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { laterKeys } from '../../../../provider/plan/common-keys.ts';
import type { Output } from '../../../../provider/plan/plan.ts';
import { golden, mistakesOf, onlyFile, planOf, vaultClass, warningsOf } from '../a-class.ts';

/** The single object `{objectName: a, secretPath: s, …}`. */
const object = (fields: string) => vaultClass(`- {objectName: a, secretPath: s${fields === '' ? '' : `, ${fields}`}}`);
const fileOf = (fields: string): Output => onlyFile('vault', object(fields)).output;
const sourceOf = (fields: string) => onlyFile('vault', object(fields)).source;
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

describe('filePermission', () => {
  for (const { in: text, out } of golden.permissions) {
    const value = out === null ? undefined : Number(out);
    if (value === undefined || value > 0o777 || text.startsWith("'") || text.startsWith('"')) continue;
    it(`written ${text === '' ? 'as nothing' : text} is ${value === 0 ? 'that of the request' : `0${value.toString(8)}`}, as with yaml.v3`, () => {
      assert.equal(fileOf(`filePermission: ${text}`).mode, value === 0 ? undefined : value);
    });
  }

  // The Go provider refuses quoted ones. Nobody means a decimal by it.
  for (const [text, mode] of [
    ['"0644"', 0o644],
    ["'644'", 0o644],
    ['"0o400"', 0o400],
    ['"0777"', 0o777],
    ['""', undefined],
    ['"0"', undefined],
  ] as const) {
    it(`written ${text} is ${mode === undefined ? 'that of the request' : `0${mode.toString(8)}`}`, () => {
      assert.equal(fileOf(`filePermission: ${text}`).mode, mode);
    });
  }

  for (const text of [
    '644',
    '755',
    '600',
    '01000',
    '0o1000',
    '512',
    '-1',
    '1e400',
    'rw',
    '"0888"',
    '"01000"',
    '99999999999',
    '0o9',
    '0x200',
    '{a: b}',
    '[6]',
  ]) {
    it(`must not be ${text}, and the error names field and object`, () => {
      assert.match(mistakes(`filePermission: ${text}`).join(), /^objects\[0\]\.filePermission "a" \(line 1\): must be/);
    });
  }

  it('written as decimal digits that look octal gets the octal spelling as advice', () => {
    assert.match(mistakes('filePermission: 644').join(), /unquoted it is a decimal number, write 0644/);
  });

  it('and mode are one too many', () => {
    assert.match(mistakes('filePermission: 0600, mode: "0400"').join(), /mode.*same as filePermission/);
  });
});

describe('mode', () => {
  for (const [text, mode] of [
    ['0400', 0o400],
    ['"0400"', 0o400],
    ['400', 0o400],
    ['0o400', 0o400],
    ['0', 0],
    ['777', 0o777],
  ] as const) {
    it(`written ${text} is octal`, () => assert.equal(fileOf(`mode: ${text}`).mode, mode));
  }

  for (const text of ['1000', '0888', 'rw', '-1', '0x1', '+400', '" 400"']) {
    it(`must not be ${text}`, () => assert.match(mistakes(`mode: ${text}`).join(), /must be octal/));
  }
});

describe('encoding', () => {
  for (const [text, decode] of [
    ['utf-8', 'utf-8'],
    ['UTF-8', 'utf-8'],
    ['Base64', 'base64'],
    ['BASE64', 'base64'],
    ['hEx', 'hex'],
    ['""', 'utf-8'],
    ['~', 'utf-8'],
  ] as const) {
    it(`written ${text} is ${decode}`, () => assert.equal(fileOf(`secretKey: k, encoding: ${text}`).decode, decode));
  }

  for (const text of ['utf8', 'utf-16', 'base-64', 'base64url', 'raw', '[base64]']) {
    it(`must not be ${text}`, () => {
      assert.match(
        mistakes(`secretKey: k, encoding: ${text}`).join(),
        /^objects\[0\]\.encoding "a" \(line 1\): must be/,
      );
    });
  }

  it('has decode beside it in all dialects, which knows base64url as well', () => {
    assert.equal(fileOf('secretKey: k, decode: base64url').decode, 'base64url');
    assert.match(mistakes('secretKey: k, decode: hex, encoding: hex').join(), /same as encoding/);
  });
});

describe('method and secretArgs', () => {
  for (const method of ['GET', 'get', '""', '~']) {
    it(`make a plain read of ${method}`, () => assert.equal(sourceOf(`method: ${method}`).request, undefined));
  }

  for (const method of ['PUT', 'put', 'POST', 'LIST']) {
    it(`make a request of ${method}`, () => {
      assert.deepEqual(sourceOf(`method: ${method}`).request, { method: method.toUpperCase() });
    });
  }

  for (const method of ['DELETE', 'PATCH', 'OPTIONS', 'GET /', '[GET]']) {
    it(`must not be ${method}`, () => {
      assert.match(mistakes(`method: ${method}`).join(), /^objects\[0\]\.method "a" \(line 1\): must be/);
    });
  }

  it('name a method that is refused', () => assert.match(mistakes('method: DELETE').join(), /not "DELETE"/));

  it('keep the types that YAML gives the arguments', () => {
    const { request } = sourceOf(
      'method: PUT, secretArgs: {cn: a.b, ttl: 24h, n: 0644, s: "0644", b: true, l: [1, x], z: ~}',
    );
    assert.equal(
      JSON.stringify(request?.args),
      '{"cn":"a.b","ttl":"24h","n":420,"s":"0644","b":true,"l":[1,"x"],"z":null}',
    );
  });

  for (const text of ['[a]', 'a', '""', '5']) {
    it(`must have a mapping and not ${text} for arguments`, () => {
      assert.match(mistakes(`secretArgs: ${text}`).join(), /secretArgs "a" \(line 1\): must be a mapping/);
    });
  }

  it('have no arguments where they are null', () => assert.equal(sourceOf('secretArgs: ~').request, undefined));
});

describe('the common keys', () => {
  it('pin a version in the query', () => {
    assert.equal(sourceOf('version: 3').address, '/v1/s?version=3');
  });

  for (const text of ['latest', '0', '-1', '1.0', 'v3', '"3 "']) {
    it(`do not take ${text} for a version`, () => {
      assert.match(mistakes(`version: ${text}`).join(), /version "a" \(line 1\): must be the number/);
    });
  }

  it('take no version beside a query', () => {
    const { roleName, objects } = vaultClass('- {objectName: a, secretPath: "s?version=1", version: 2}');
    assert.match(mistakesOf('vault', { roleName, objects } as never).join(), /cannot be combined with a query/);
  });

  it('take key for secretKey, but not both', () => {
    assert.deepEqual(fileOf('key: k').select, { key: 'k' });
    assert.match(mistakes('key: k, secretKey: k').join(), /same as secretKey/);
  });

  for (const [text, optional] of [
    ['true', true],
    ['True', true],
    ['"true"', true],
    ['false', false],
    ['~', false],
  ] as const) {
    it(`make the object optional by ${text}: ${optional}`, () =>
      assert.equal(fileOf(`optional: ${text}`).optional, optional));
  }

  for (const text of ['yes', '1', 'maybe', '[true]']) {
    it(`do not take ${text} for optional`, () => assert.match(mistakes(`optional: ${text}`).join(), /optional/));
  }

  for (const key of laterKeys) {
    it(`refuse ${key}, which this version does not have`, () => {
      assert.deepEqual(mistakes(`${key}: x`), [
        `objects[0].${key} "a" (line 1): is not supported by this version of keymount`,
      ]);
    });
  }

  it('set how fresh the secret must be', () => {
    const { refresh, staleOnError } = sourceOf('refreshInterval: 5m, staleOnError: 1h');
    assert.equal(refresh, 300_000);
    assert.equal(staleOnError, 3_600_000);
    assert.equal(sourceOf('refreshInterval: 0').refresh, 0);
    assert.equal(sourceOf('refreshInterval: once').refresh, 'once');
    assert.equal(sourceOf('').refresh, undefined);
  });

  it('read a pinned version once, however it is pinned', () => {
    assert.equal(sourceOf('version: 3').refresh, 'once');
    const { source } = onlyFile('vault', vaultClass('- {objectName: a, secretPath: "s?version=3"}'));
    assert.equal(source.refresh, 'once');
  });

  for (const [field, text] of [
    ['refreshInterval', '5'],
    ['refreshInterval', 'never'],
    ['refreshInterval', '-1s'],
    ['staleOnError', 'once'],
    ['staleOnError', '1 h'],
  ]) {
    it(`do not take ${text} for ${field}`, () => {
      assert.match(
        mistakes(`${field}: ${text}`).join(),
        /^objects\[0\]\.(?:refreshInterval|staleOnError) "a" \(line 1\): must be a duration/,
      );
    });
  }
});

describe('an unknown key of an object', () => {
  const meant: [string, string][] = [
    ['secretkey', 'secretKey'],
    ['SecretKey', 'secretKey'],
    ['secret_key', 'secretKey'],
    ['objectname', 'objectName'],
    ['secretpath', 'secretPath'],
    ['filePermissions', 'filePermission'],
    ['content', 'encoding'],
    ['objectEncoding', 'encoding'],
    ['objectPath', 'secretPath'],
    ['objectAlias', 'objectName'],
    ['secretName', 'secretPath'],
    ['args', 'secretArgs'],
    ['objectVersion', 'version'],
  ];
  for (const [key, known] of meant) {
    it(`named ${key} is an error that guesses ${known}`, () => {
      assert.deepEqual(mistakes(`${key}: x`), [
        `objects[0].${key} "a" (line 1): is not a known field; did you mean ${known}?`,
      ]);
    });
  }

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

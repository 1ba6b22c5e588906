import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Output } from '../../../../provider/plan/plan.ts';
import { golden, mistakesOf, onlyFile, vaultClass, warningsOf } from '../a-class.ts';

/** The single object `{objectName: a, secretPath: s, …}`. */
const object = (fields: string) => vaultClass(`- {objectName: a, secretPath: s${fields === '' ? '' : `, ${fields}`}}`);
const fileOf = (fields: string): Output => onlyFile('vault', object(fields)).output;
const sourceOf = (fields: string) => onlyFile('vault', object(fields)).source;
const mistakes = (fields: string) => mistakesOf('vault', object(fields));

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

  it('without secretKey changes nothing, and an unknown one is a warning: the Go provider does not look at it', () => {
    assert.equal(fileOf('encoding: base64').decode, 'utf-8');
    assert.equal(fileOf('encoding: json').decode, 'utf-8');
    assert.deepEqual(warningsOf('vault', object('encoding: json')), [
      'objects[0].encoding "a" (line 1): is ignored without secretKey',
    ]);
    assert.deepEqual(warningsOf('vault', object('encoding: Base64')), []);
  });

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

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { laterKeys } from '../../../../provider/plan/common-keys.ts';
import type { Output } from '../../../../provider/plan/plan.ts';
import { mistakesOf, onlyFile, vaultClass, warningsOf } from '../a-class.ts';

/** The single object `{objectName: a, secretPath: s, …}`. */
const object = (fields: string) => vaultClass(`- {objectName: a, secretPath: s${fields === '' ? '' : `, ${fields}`}}`);
const fileOf = (fields: string): Output => onlyFile('vault', object(fields)).output;
const sourceOf = (fields: string) => onlyFile('vault', object(fields)).source;
const mistakes = (fields: string) => mistakesOf('vault', object(fields));

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
    it(`leave ${key} out with a warning, which this version does not have and the Go provider does not know`, () => {
      assert.deepEqual(mistakes(`${key}: x`), []);
      assert.deepEqual(warningsOf('vault', object(`${key}: x`)), [
        `objects[0].${key} "a" (line 1): is not supported by this version of keymount and is ignored`,
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

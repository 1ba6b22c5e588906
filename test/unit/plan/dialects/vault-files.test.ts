import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mistakesOf, type Parameters, vaultClass } from '../a-class.ts';

const only = (parameters: Parameters): string => {
  const mistakes = mistakesOf('vault', parameters);
  assert.equal(mistakes.length, 1, mistakes.join('\n'));
  return mistakes[0] as string;
};

describe('the files of a class', () => {
  const two = (a: string, b: string) =>
    vaultClass(`- {objectName: "${a}", secretPath: s}\n- {objectName: "${b}", secretPath: s}`);

  it('must not be the same twice; the error names both objects', () => {
    assert.equal(only(two('a', 'a')), 'objects[1] "a" (line 2): and objects[0] "a" (line 1) write the same file');
  });

  it('must not be a file and a directory of one name; the error names both objects', () => {
    assert.equal(
      only(two('a', 'a/b')),
      'objects[1] "a/b" (line 2): and objects[0] "a" (line 1) need one name as a file and as a directory',
    );
    assert.match(only(two('x/y/z', 'x')), /^objects\[0\] "x\/y\/z" \(line 1\): and objects\[1\] "x" \(line 2\) need/);
  });

  for (const [a, b] of [
    ['a', 'A'],
    ['a/b', 'a/c'],
    ['ab', 'a/b'],
    ['a.b', 'a'],
  ] as const) {
    it(`may be ${a} and ${b}`, () => assert.deepEqual(mistakesOf('vault', two(a, b)), []));
  }

  for (const path of [
    '../x',
    '/x',
    'a/../b',
    'a//b',
    './a',
    'a/',
    '..data',
    '..',
    'a\\0b',
    'x'.repeat(256),
    '\\ud800',
  ]) {
    it(`must not have the path ${path.slice(0, 20)}, which the driver refuses; the error names field and object`, () => {
      assert.match(
        only(vaultClass(`- {objectName: "${path}", secretPath: s}`)),
        /^objects\[0\]\.objectName .*no path that the driver takes/,
      );
    });
  }
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findCollisions, pathProblem } from '../../../provider/plan/file-path.ts';

describe('the path of a file', () => {
  const good = [
    'a',
    'a/b',
    'a.b',
    '.a',
    '.a/.b',
    'a/..b',
    'a..b',
    'a/b..',
    'a/...',
    'é/中/😀',
    'a b',
    '-',
    '~',
    'a\\b',
    'a:b',
    'x'.repeat(255),
    'é'.repeat(127),
    `${'x/'.repeat(2047)}x`,
    'a\nb',
  ];
  for (const path of good) {
    it(`may be ${JSON.stringify(path.slice(0, 20))} (${path.length})`, () =>
      assert.equal(pathProblem(path), undefined));
  }

  const bad: [string, RegExp][] = [
    ['', /empty/],
    ['/', /relative/],
    ['/a', /relative/],
    ['..', /'\.\.'/],
    ['../a', /'\.\.'/],
    ['a/..', /'\.\.'/],
    ['a/../b', /'\.\.'/],
    ['..data', /start with '\.\.'/],
    ['..2026_01_01/a', /start with '\.\.'/],
    ['...', /start with '\.\.'/],
    ['.', /without '\.'/],
    ['./a', /without '\.'/],
    ['a/.', /without '\.'/],
    ['a/./b', /without '\.'/],
    ['a//b', /without/],
    ['a/', /without/],
    ['a\0b', /NUL/],
    ['a\ud800', /surrogate/],
    ['\udc00/a', /surrogate/],
    ['x'.repeat(256), /255 bytes/],
    ['é'.repeat(128), /255 bytes/],
    [`a/${'x'.repeat(256)}/b`, /255 bytes/],
    [`${'x/'.repeat(2048)}x`, /4096 bytes/],
    ['/'.repeat(5000), /relative/],
  ];
  for (const [path, problem] of bad) {
    it(`must not be ${JSON.stringify(path.slice(0, 20))} (${path.length})`, () =>
      assert.match(pathProblem(path) ?? 'fine', problem));
  }
});

describe('collisions', () => {
  const pairs = (paths: string[]) => findCollisions(paths).map(({ first, second }) => [first, second]);

  it('are none among distinct files', () => assert.deepEqual(pairs(['a', 'b/c', 'b/d', 'bc', 'a.b', 'A']), []));
  it('are the same file', () => assert.deepEqual(pairs(['a', 'b', 'a']), [[0, 2]]));
  it('name the first of many equal files', () =>
    assert.deepEqual(pairs(['a', 'a', 'a']), [
      [0, 1],
      [0, 2],
    ]));
  it('are a file that is also a directory', () => assert.deepEqual(pairs(['a', 'a/b/c']), [[0, 1]]));
  it('are found in either order', () => assert.deepEqual(pairs(['a/b/c', 'a/b']), [[1, 0]]));
  it('name one file for each that lies below several', () =>
    assert.deepEqual(pairs(['a/b/c', 'a/b', 'a']), [
      [2, 0],
      [2, 1],
    ]));
});

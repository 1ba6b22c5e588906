import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { findCollisions, pathProblem } from '../../provider/plan/file-path.ts';

/**
 * The rules of driver v1.6.0 for a file's path (pkg/util/fileutil: a check of its own, then `filepath.Clean(p) == p`), told in
 * other words than those that are tested.
 */
function driverTakes(path: string): boolean {
  const bytes = (text: string) => Buffer.byteLength(text);
  const elements = path.split('/');
  const isShort = bytes(path) <= 4096 && elements.every((element) => bytes(element) <= 255);
  const isOwnEntry = /^\.\..+/s.test(elements[0] ?? '');
  return isShort && !isOwnEntry && path !== '' && !elements.includes('..') && isClean(path) && !path.startsWith('/');
}

/** What Go's filepath.Clean leaves as it is. */
function isClean(path: string): boolean {
  if (path === '.' || path === '/') return true;
  const rest = path.startsWith('/') ? path.slice(1) : path;
  return rest.split('/').every((element, index, all) => {
    if (element === '..') return !path.startsWith('/') && all.slice(0, index).every((before) => before === '..');
    return element !== '' && element !== '.';
  });
}

const element = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom('', '.', '..', '...', '..a', '.a', 'a', 'b', 'a..', ' ', '\0', 'é', '😀', '\ud800'),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 8 }) },
  { weight: 1, arbitrary: fc.integer({ min: 250, max: 260 }).map((length) => 'x'.repeat(length)) },
  { weight: 1, arbitrary: fc.integer({ min: 125, max: 130 }).map((length) => 'é'.repeat(length)) },
);
const path = fc.oneof(
  { weight: 6, arbitrary: fc.array(element, { maxLength: 6 }).map((elements) => elements.join('/')) },
  { weight: 1, arbitrary: fc.integer({ min: 2040, max: 2052 }).map((count) => `${'x/'.repeat(count)}y`) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
);

describe('a path that keymount takes', () => {
  it('is one that the driver takes', () => {
    fc.assert(
      fc.property(path, (text) => {
        fc.pre(pathProblem(text) === undefined);
        assert.ok(driverTakes(text));
      }),
      { numRuns: 2000 },
    );
  });

  it('is every one that the driver takes, but for the directory itself and what no file system or message can hold', () => {
    fc.assert(
      fc.property(path, (text) => {
        fc.pre(driverTakes(text) && text !== '.' && !text.includes('\0') && text.isWellFormed());
        assert.equal(pathProblem(text), undefined);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('collisions', () => {
  const name = fc.constantFrom('a', 'b', 'ab');
  const paths = fc.array(
    fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/')),
    { maxLength: 12 },
  );

  it('are told of exactly those files that cannot all be', () => {
    fc.assert(
      fc.property(paths, (all) => {
        const told = findCollisions(all);
        const collide = (a: string, b: string) => a === b || b.startsWith(`${a}/`);
        for (const { first, second } of told) {
          assert.notEqual(first, second);
          assert.ok(collide(all[first] as string, all[second] as string));
        }
        // Without the second of each pair, and without repeats, all the rest can be.
        const rest = all.filter((_, index) => !told.some(({ second }) => second === index));
        for (const [i, a] of rest.entries()) for (const [j, b] of rest.entries()) assert.ok(i === j || !collide(a, b));
      }),
      { numRuns: 2000 },
    );
  });
});

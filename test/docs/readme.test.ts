import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { blocksOf, placeOf, readPage } from './page.ts';

const shown = blocksOf('README.md').filter(({ marks }) => marks['file'] !== undefined);

describe('README.md', () => {
  it('shows the first class and the first pod', () => {
    assert.deepEqual(
      shown.map(({ marks }) => marks['file']),
      ['manifests/examples/vault/secretproviderclass.yaml', 'manifests/examples/vault/pod.yaml'],
    );
  });

  for (const block of shown) {
    it(`shows ${block.marks['file']} as it is`, () => {
      assert.equal(`${block.text}\n`, readPage(block.marks['file'] ?? ''), placeOf(block));
    });
  }

  it('has the commands that CI runs', () => {
    const ci = readPage('.ci/run');
    assert.match(readPage('README.md'), /^npm ci && npm run demo$/m);
    assert.match(readPage('README.md'), /^npm ci && npm test$/m);
    assert.match(ci, /^npm ci\nnpm run demo\n/m);
    // `npm run check` ends with `npm test`
    assert.match(ci, /^npm (?:test|run check)\b/m);
  });
});

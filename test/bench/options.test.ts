import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { benchOptions, v8Flags } from './options.ts';
import { scenarios } from './scenarios/all.ts';

describe('the options of the benchmark', () => {
  it('are three runs of all scenarios and both contestants with the flags of the image', () => {
    assert.deepEqual(benchOptions([]), {
      runs: 3,
      scenarios: scenarios.map(({ name }) => name),
      contestants: ['keymount', 'constant'],
      source: false,
      nodeFlags: v8Flags,
      json: undefined,
    });
  });

  it('can leave the flags of Node out', () => {
    assert.deepEqual(benchOptions(['--node-flags', '']).nodeFlags, []);
  });

  for (const args of [['--runs', '0'], ['--runs', 'x'], ['--scenario', 'x'], ['--only', 'x'], ['--nonsense']]) {
    it(`refuse ${args.join(' ')} and say what there is`, () => {
      assert.throws(() => benchOptions(args), /usage: npm run bench.*storm-and-republish/s);
    });
  }
});

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { benchOptions, mallocSettings, v8Flags } from './options.ts';
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

  it('give Node the flags that the image gives it', () => {
    const dockerfile = readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8');
    const entrypoint = /^ENTRYPOINT (\[.*\])$/m.exec(dockerfile)?.[1] ?? '[]';
    assert.deepEqual((JSON.parse(entrypoint) as string[]).slice(1, -1), v8Flags);
  });

  it('set for the allocator what the image sets', () => {
    const dockerfile = readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8');
    const settings = /^ENV (.*)$/m.exec(dockerfile)?.[1]?.split(' ') ?? [];
    for (const [name, value] of Object.entries(mallocSettings)) assert.ok(settings.includes(`${name}=${value}`), name);
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

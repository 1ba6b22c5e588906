import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { scratchFolder } from './scratch.ts';
import { need, requires } from './tools.ts';

const before = { ...process.env };

describe('the tools of the lab', () => {
  let folder: string;

  beforeEach(async () => {
    folder = scratchFolder('tools');
    await mkdir(`${folder}/bin`);
    writeFileSync(`${folder}/bin/bao`, '', { mode: 0o755 });
    process.env['KEYMOUNT_TOOLS'] = folder;
  });

  afterEach(() => {
    for (const name of ['CI', 'KEYMOUNT_TOOLS']) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  });

  it('are found', () => {
    assert.deepEqual(need('bao'), { bao: `${folder}/bin/bao` });
    assert.deepEqual(requires('bao'), { skip: false });
  });

  it('are missed by name, all at once, with the command that brings them', () => {
    assert.throws(
      () => need('bao', 'fakekube', 'drivermount'),
      /^Error: fakekube, drivermount not found .*hack\/tools\.sh/,
    );
  });

  it('skip a test on a fresh checkout, and say why', () => {
    delete process.env['CI'];
    assert.match(String(requires('bao', 'fakekube').skip), /^fakekube not found .*hack\/tools\.sh/);
  });

  it('skip nothing in CI', () => {
    process.env['CI'] = 'true';
    assert.deepEqual(requires('fakekube'), { skip: false });
  });
});

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startChild } from '../../lab/child-process.ts';
import { scratchFolder } from '../../lab/scratch.ts';
import { filesIn, openState } from './state-folder.ts';

const program = join(import.meta.dirname, 'save-loop.ts');

describe('a process that is killed while it saves', () => {
  it('leaves of each key the last record that was said to be saved or a later one, always whole', async () => {
    const dir = scratchFolder('killed');
    const saved = new Map<string, number>();
    for (let round = 0; round < 6; round++) {
      const child = await startChild(process.execPath, [program, dir]);
      while (!child.output().includes('saved a') && child.isRunning()) await pause(5);
      await pause(3 + round * 7);
      child.signal('SIGKILL');
      assert.equal(await child.ended, 'SIGKILL', child.output());
      for (const [, key, step] of child.output().matchAll(/^saved (\w) (\d+)$/gm))
        saved.set(key as string, Number(step));

      const next = await openState(dir);
      const found = await next.load();
      assert.deepEqual(next.reports, []);
      assert.deepEqual(filesIn(dir).length, found.length, 'a leftover is still there');
      for (const [key, step] of saved) {
        const record = found.find((one) => one.key === key)?.record;
        const there = Number(record?.['step']);
        assert.ok(there >= step, `${key}: saved ${step}, found ${there}`);
        assert.equal(record?.['pad'], `${there} `.repeat(20_000 / (1 + String(there).length)));
        saved.set(key, there);
      }
    }
    assert.ok((saved.get('a') ?? 0) > 20, `only ${saved.get('a')} saves`);
  });
});

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

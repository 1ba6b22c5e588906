import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { scratchFolder } from './lab/scratch.ts';

const demo = fileURLToPath(new URL('../hack/demo.ts', import.meta.url));

/** Runs the demo with a temp directory and a process group of its own, so that whatever it leaves is found. */
async function runDemo(tmp: string, signalAt?: { after: RegExp; signal: NodeJS.Signals }) {
  const child = spawn(process.execPath, [demo], {
    env: { PATH: process.env['PATH'], TMPDIR: tmp, KEYMOUNT_LOG_LEVEL: 'no such level', VAULT_ADDR: 'nonsense' },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const group = child.pid ?? assert.fail('the demo did not start');
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk;
      if (signalAt?.after.test(output)) child.kill(signalAt.signal);
    });
  }
  const [code] = await once(child, 'close');
  return { code, output, group };
}

async function assertNothingLeft(tmp: string, group: number): Promise<void> {
  assert.deepEqual(readdirSync(tmp), []);
  // What was killed is gone when its parent, init by now, has seen it.
  const deadline = Date.now() + 2_000;
  while (isAlive(-group) && Date.now() < deadline) await sleep(10);
  assert.equal(isAlive(-group), false, 'a process of the demo is left');
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('npm run demo', { concurrency: false }, () => {
  it('shows a mount, a rotation and a mistake, and leaves nothing behind', async () => {
    const tmp = scratchFolder('demo');
    const startedAt = Date.now();
    const { code, output, group } = await runDemo(tmp);
    assert.equal(code, 0, output);
    assert.ok(Date.now() - startedAt < 10_000, 'it takes less than 10 s');
    assert.match(output, /^ +db-password +0400 +17 +\S{12}…$/m);
    assert.match(output, /^ +config\/api\.json +0644 +\d+ +\S{12}…$/m);
    assert.match(output, /db-password has a new version: \S+ -> \S+/);
    assert.match(output, /gets the event rename "\.\.data"/);
    assert.match(output, /FailedMount: rpc error: code = NotFound desc = objects\[1\] "db-password"/);
    assert.match(output, /All of it happened as it should/);
    assert.ok(!output.includes('example-only'), 'no secret is printed');
    await assertNothingLeft(tmp, group);
  });

  for (const [when, after] of [
    ['while keymount starts', /1\. The store/],
    ['while the volume is mounted', /3\. Pod/],
  ] as const) {
    it(`leaves nothing behind after Ctrl-C ${when}`, async () => {
      const tmp = scratchFolder('demo');
      const { code, output, group } = await runDemo(tmp, { after, signal: 'SIGINT' });
      assert.equal(code, 130, output);
      await assertNothingLeft(tmp, group);
    });
  }

  it('fails when keymount does not start, says why and leaves nothing behind', async () => {
    // A socket's path may have 107 bytes.
    const tmp = join(scratchFolder('demo'), 'x'.repeat(100));
    mkdirSync(tmp);
    const { code, output, group } = await runDemo(tmp);
    assert.equal(code, 1, output);
    assert.match(output, /The demo failed: keymount does not serve:\n.*socket/s);
    await assertNothingLeft(tmp, group);
  });
});

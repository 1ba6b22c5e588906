import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, startChild } from '../lab/child-process.ts';
import { scratchFolder } from '../lab/scratch.ts';
import { need, requires } from '../lab/tools.ts';
import { writeProgram } from './page.ts';
import { openVolume, type Volume } from './volume.ts';

/** watchdog holds a rename back for half a second, looking for its other half; both recipes wait 100 ms. */
const quiet = 1_000;

/** Starts a program of docs/rotation.md on a volume. */
function startProgram(name: string, volume: Volume): Promise<Child> {
  const file = writeProgram(name, scratchFolder('program'));
  const command = name.endsWith('.py') ? need('python-watchdog')['python-watchdog'] : process.execPath;
  return startChild(command, [file, volume.path]);
}

const linesOf = (child: Child) =>
  child
    .output()
    .split('\n')
    .filter((line) => line !== '');

async function untilLines(child: Child, count: number): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (linesOf(child).length < count) {
    assert.ok(child.isRunning() && Date.now() < deadline, `waited for line ${count}:\n${child.output()}`);
    await sleep(10);
  }
}

const options = { ...requires('drivermount', 'python-watchdog'), timeout: 120_000 };

describe('docs/rotation.md, on a volume of the driver', options, () => {
  let volume: Volume;
  before(async () => {
    volume = await openVolume(1);
  });
  after(() => volume.close());
  let next = 1;
  const rotate = () => volume.rotate(++next);
  const using = (n: number) => `using a password of ${n} characters`;

  for (const name of ['watch.mjs', 'watch.py']) {
    it(`${name} sees one rotation after the other, and no unchanged mount`, async () => {
      const app = await startProgram(name, volume);
      try {
        const first = next;
        await untilLines(app, 1);
        await volume.mount();
        for (let seen = 2; seen <= 3; seen++) {
          await rotate();
          await untilLines(app, seen);
        }
        await volume.mount();
        await sleep(quiet);
        assert.deepEqual(linesOf(app), [first, first + 1, first + 2].map(using));
      } finally {
        await app.stop();
      }
    });
  }

  it('silent.mjs, which watches the file itself, misses the second rotation', async () => {
    const app = await startProgram('silent.mjs', volume);
    try {
      await untilLines(app, 1);
      await rotate();
      await untilLines(app, 2);
      await sleep(quiet);
      const afterFirst = linesOf(app);
      await rotate();
      await sleep(quiet);
      assert.deepEqual(linesOf(app), afterFirst);
      assert.ok(app.isRunning());
    } finally {
      await app.stop();
    }
  });

  it('silent.py, which waits for the file to be modified, misses every rotation', async () => {
    const app = await startProgram('silent.py', volume);
    const control = await startProgram('watch.py', volume);
    try {
      await Promise.all([untilLines(app, 1), untilLines(control, 1)]);
      for (let seen = 2; seen <= 3; seen++) {
        await rotate();
        // What the same library tells the right handler proves that the events have come.
        await untilLines(control, seen);
      }
      await sleep(quiet);
      assert.deepEqual(linesOf(app), ['watching']);
      assert.ok(app.isRunning());
    } finally {
      await Promise.all([app.stop(), control.stop()]);
    }
  });

  for (const name of ['together.mjs', 'together.py']) {
    it(`${name} never pairs the user of one rotation with the password of another`, async () => {
      let rotating = true;
      const rotations = (async () => {
        while (rotating) await rotate();
      })();
      try {
        for (let i = 0; i < 10; i++) {
          const app = await startProgram(name, volume);
          assert.equal(await app.ended, 0, app.output());
          const [, user, length] = /^user-(\d+) has a password of (\d+) characters\n$/.exec(app.output()) ?? [];
          assert.ok(user !== undefined && user === length, app.output());
        }
      } finally {
        rotating = false;
        await rotations;
      }
    });
  }
});

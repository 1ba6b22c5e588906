import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ChildOptions, startChild, untilReady } from './child-process.ts';

function node(script: string, options: ChildOptions = {}) {
  return startChild(process.execPath, ['-e', script], options);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('a child process of a test', () => {
  it('tells its output and exit code', async () => {
    const child = await node('console.log("out"); console.error("err"); process.exitCode = 3');
    assert.equal(await child.ended, 3);
    assert.match(child.output(), /out/);
    assert.match(child.output(), /err/);
    assert.equal(child.isRunning(), false);
  });

  it('gets no variable of the developer’s environment but PATH', async () => {
    process.env['VAULT_TOKEN'] = 'hush';
    const child = await node('console.log(Object.keys(process.env).join())');
    delete process.env['VAULT_TOKEN'];
    await child.ended;
    assert.equal(child.output().trim(), 'PATH');
  });

  it('is killed when it does not stop in time, even frozen', async () => {
    const child = await node('process.on("SIGTERM", () => {}); setInterval(() => {}, 1000); console.log("up")');
    await untilReady(child, 'it', async () => child.output().includes('up'));
    child.signal('SIGSTOP');
    assert.equal(await child.stop(100), 'SIGKILL');
  });

  it('ends with an Error that holds its output when it dies before it is ready', async () => {
    const child = await node('console.log("why"); process.exitCode = 1');
    await assert.rejects(
      untilReady(child, 'it', async () => false),
      /^Error: it ended with 1:\nwhy/,
    );
  });

  it('is killed when it is not ready in time', async () => {
    const child = await node('setInterval(() => {}, 1000)');
    await assert.rejects(
      untilReady(child, 'it', async () => false, 50),
      /^Error: it was not ready after 50 ms/,
    );
    assert.equal(await child.ended, 'SIGKILL');
  });

  it('cannot outlive the process that started it', async () => {
    const module = new URL('./child-process.ts', import.meta.url).href;
    const parent = await startChild(process.execPath, [
      '--input-type=module',
      '-e',
      `import { startChild } from ${JSON.stringify(module)};
       const child = await startChild(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
       console.log('child', child.pid);`,
    ]);
    await untilReady(parent, 'the parent', async () => parent.output().includes('child'));
    const pid = Number(/child (\d+)/.exec(parent.output())?.[1]);
    assert.equal(isAlive(pid), true);
    assert.equal(await parent.stop(), 143);
    const end = performance.now() + 5_000;
    while (isAlive(pid) && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(isAlive(pid), false);
  });

  it('that does not exist is an Error', async () => {
    await assert.rejects(startChild('/nonexistent/program', []), /ENOENT/);
  });
});

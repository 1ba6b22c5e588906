import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { dialectNames } from '../../provider/plan/plan.ts';
import { texts } from '../lab/grpc-client.ts';
import { scratchFolder } from '../lab/scratch.ts';
import { type FileStore, makeFileStore } from './file-store.ts';
import {
  canaries,
  forEachBuild,
  forTheBundle,
  type Keymount,
  runKeymount,
  socketsIn,
  startKeymount,
} from './keymount.ts';
import { until } from './until.ts';

forEachBuild('keymount serve', (build) => {
  let store: FileStore;
  let keymount: Keymount;
  before(async () => {
    store = makeFileStore();
    keymount = await startKeymount({ build, args: store.args });
  });
  after(() => keymount.stop());

  it('makes a socket for each dialect and nothing else', () => {
    assert.deepEqual(socketsIn(keymount.socketFolder), dialectNames.map((name) => `${name}.sock`).sort());
    // its own, beside those of the driver
    const hidden = readdirSync(keymount.socketFolder).filter((name) => name.startsWith('.'));
    assert.deepEqual(hidden, ['.keymount-admin.sock']);
    for (const name of readdirSync(keymount.socketFolder)) {
      const stats = lstatSync(join(keymount.socketFolder, name));
      assert.ok(stats.isSocket(), name);
      assert.equal(stats.mode & 0o777, 0o600, name);
    }
  });

  it('says who it is on each of them', async () => {
    for (const name of dialectNames) {
      const reply = await keymount.client(name).version();
      assert.ok(!('code' in reply), name);
      assert.deepEqual([reply.version, reply.runtimeName], ['v1alpha1', 'keymount']);
      assert.match(reply.runtimeVersion, /^\d+\.\d+\.\d+/);
    }
  });

  it('serves them all from one process, and mounts', async () => {
    const serving = keymount.log().filter(({ event }) => event === 'serving');
    assert.equal(serving.length, 1);
    assert.deepEqual(
      serving[0]?.['sockets'],
      dialectNames.map((name) => `${keymount.socketFolder}/${name}.sock`),
    );
    assert.deepEqual(texts(await keymount.mount('keymount', store.request)), { password: store.password });
  });

  it('keeps its state to itself', () => {
    assert.equal(statSync(keymount.stateFolder).mode & 0o777, 0o700);
    for (const name of readdirSync(keymount.stateFolder)) {
      assert.equal(statSync(join(keymount.stateFolder, name)).mode & 0o077, 0, name);
    }
  });

  it('writes a line of JSON for each event and a line for each Mount, without what was mounted', async () => {
    // the line is written after the reply
    await until(() => keymount.log().some(({ event }) => event === 'mount'));
    const output = keymount.child.output();
    const lines = output.split('\n').filter((line) => line !== '');
    for (const line of lines) assert.doesNotThrow(() => JSON.parse(line), line);
    const mounts = keymount.log().filter(({ event }) => event === 'mount');
    assert.equal(mounts.length, 1);
    const { dialect, namespace, class: className, code, files } = mounts[0] ?? {};
    assert.deepEqual(
      { dialect, namespace, className, code, files },
      { dialect: 'keymount', namespace: 'shop', className: 'test', code: 'ok', files: 1 },
    );
    assert.deepEqual(canaries.search('output', output), []);
  });

  it('refuses an address for health that is taken', async () => {
    const address = new URL(keymount.http).host;
    const { code, output } = await runKeymount(build, [
      'serve',
      '--socket-dir',
      scratchFolder('s'),
      '--state-dir',
      scratchFolder('state'),
      '--http',
      address,
    ]);
    assert.equal(code, 1);
    assert.match(
      output,
      /keymount: cannot listen on 127\.0\.0\.1:\d+ .*EADDRINUSE; choose another address with --http \[settings-invalid\]\n$/,
    );
  });
});

forTheBundle('keymount serve where it cannot', (build) => {
  /** What it says when it does not start: lines of the log, then one line for people. */
  const refused = async (socketDir: string, ...args: string[]) => {
    const result = await runKeymount(build, [
      'serve',
      '--socket-dir',
      socketDir,
      '--state-dir',
      scratchFolder('state'),
      ...args,
    ]);
    assert.equal(result.code, 1, result.output);
    assert.match(result.output.trimEnd(), /^(?:\{.*\}\n)*keymount: [^\n]*$/);
    return result.output;
  };

  it('refuses a socket path that is too long for the system', async () => {
    const folder = join(scratchFolder('long'), 'x'.repeat(80));
    assert.match(
      await refused(folder),
      /x{80}\/\.\w+\.\w+\.sock is longer than 107 bytes; choose a shorter --socket-dir/,
    );
  });

  it('refuses a directory that cannot be made', async () => {
    const file = join(scratchFolder('file'), 'file');
    writeFileSync(file, '');
    assert.match(await refused(join(file, 'sockets')), /file\/sockets cannot be made: ENOTDIR; create it/);
  });

  it('refuses a directory that it may not write', {
    skip: process.platform !== 'linux' && '/proc is of Linux',
  }, async () => {
    assert.match(await refused('/proc'), /no socket can be made at \/proc\/\S+\.sock: E[A-Z]+/);
  });

  it('leaves no socket behind when it does not start', async () => {
    const folder = scratchFolder('s');
    // the last of the three that it makes
    mkdirSync(join(folder, 'keymount.sock'));
    assert.match(await refused(folder), /keymount\.sock is a directory; remove it, it is in the way of the socket/);
    assert.match(await refused(folder, '--takeover'), /keymount\.sock/);
    assert.deepEqual(readdirSync(folder), ['keymount.sock']);
  });
});

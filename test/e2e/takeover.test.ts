import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, lstatSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { dialectNames } from '../../provider/plan/plan.ts';
import { mount, texts } from '../lab/grpc-client.ts';
import { scratchFolder } from '../lab/scratch.ts';
import { type StubProvider, startStubProvider } from '../lab/stub-provider.ts';
import { type FileStore, makeFileStore } from './file-store.ts';
import { forEachBuild, forTheBundle, runKeymount, socketsIn, spawnKeymount, startKeymount } from './keymount.ts';
import { until } from './until.ts';

forEachBuild('a new keymount', (build) => {
  let store: FileStore;
  before(() => {
    store = makeFileStore();
  });

  it('starts where a killed one left its sockets', async () => {
    const killed = await startKeymount({ build, args: store.args });
    const { socketFolder, stateFolder } = killed;
    const before = await killed.mount('keymount', store.request);
    killed.child.signal('SIGKILL');
    assert.equal(await killed.child.ended, 'SIGKILL');
    assert.ok(lstatSync(killed.socket('vault')).isSocket());
    const next = await startKeymount({ build, args: store.args, socketFolder, stateFolder });
    const after = await next.mount('keymount', store.request);
    assert.deepEqual(texts(after), { password: store.password });
    // the key of the versions is in the state directory
    assert.deepEqual(after, before);
    assert.equal(await next.stop(), 0);
    assert.deepEqual(readdirSync(socketFolder), []);
  });

  it('takes the sockets and the state of a running one over, whose end then leaves them alone', async () => {
    const old = await startKeymount({ build, args: store.args });
    const { socketFolder, stateFolder } = old;
    assert.deepEqual(texts(await old.mount('keymount', store.request)), { password: store.password });
    const next = await startKeymount({ build, args: store.args, socketFolder, stateFolder });
    // a driver that has a connection to the old one keeps it, who connects now gets the new one
    assert.deepEqual(texts(await old.mount('keymount', store.request)), { password: store.password });
    assert.equal(await old.stop(), 0);
    assert.deepEqual(socketsIn(old.socketFolder), dialectNames.map((name) => `${name}.sock`).sort());
    const { attributes, secrets } = store.request;
    assert.deepEqual(texts(await mount(next.socket('keymount'), attributes, { secrets })), {
      password: store.password,
    });
    // the line is written after the reply
    await until(() => next.log().filter(({ event }) => event === 'mount').length === 1);
    assert.equal(await next.stop(), 0);
    assert.deepEqual(readdirSync(old.socketFolder), []);
  });

  it('replaces a file that is in the place of a socket', async () => {
    const socketFolder = scratchFolder('s');
    writeFileSync(join(socketFolder, 'vault.sock'), 'left over');
    const keymount = await startKeymount({ build, socketFolder });
    assert.ok(lstatSync(keymount.socket('vault')).isSocket());
    assert.equal(await keymount.stop(), 0);
  });

  it('leaves other files of the directory alone', async () => {
    const socketFolder = scratchFolder('s');
    const others = ['other.sock', '.other.1.sock', '.vault.sock', 'readme'];
    for (const name of others) writeFileSync(join(socketFolder, name), '');
    const keymount = await startKeymount({ build, socketFolder });
    await keymount.stop();
    assert.deepEqual(readdirSync(socketFolder).sort(), others.toSorted());
  });

  it('removes a socket that was bound and never put into its place, by nobody who lives', async () => {
    const socketFolder = scratchFolder('s');
    const left = join(socketFolder, '.vault.0123abcd.sock');
    await leaveSocket(left);
    const keymount = await startKeymount({ build, socketFolder });
    assert.ok(!existsSync(left));
    await keymount.stop();
  });
});

forTheBundle('a new keymount beside another provider', (build) => {
  let stub: StubProvider;
  let socketFolder: string;
  before(async () => {
    socketFolder = scratchFolder('s');
    stub = await startStubProvider(join(socketFolder, 'vault.sock'), () => ({ code: 5, details: 'the other one' }));
  });
  after(() => stub.stop());
  const flags = (...more: string[]) => [
    'serve',
    '--socket-dir',
    socketFolder,
    '--state-dir',
    scratchFolder('state'),
    ...more,
  ];

  it('does not start, and says what to do', async () => {
    const { code, output } = await runKeymount(build, flags());
    assert.equal(code, 1);
    const last = output.trimEnd().split('\n').at(-1);
    assert.equal(
      last,
      `keymount: another provider answers on ${socketFolder}/vault.sock: stub; ` +
        'uninstall its DaemonSet first, or start keymount with --takeover [socket-taken]',
    );
    assert.deepEqual(readdirSync(socketFolder), ['vault.sock']);
    assert.equal(await codeOn(join(socketFolder, 'vault.sock')), 'NOT_FOUND');
  });

  it('does not start beside a server that says nothing', async () => {
    const silent = createServer(() => {}).listen(join(socketFolder, 'openbao.sock'));
    await once(silent, 'listening');
    try {
      const { code, output } = await runKeymount(build, flags('--providers', 'openbao'));
      assert.equal(code, 1);
      assert.match(
        output,
        /another provider answers on .*openbao\.sock: a server that does not answer as a provider; /,
      );
    } finally {
      silent.close();
    }
  });

  it('is not in the way of other dialects', async () => {
    const child = await spawnKeymount(build, flags('--providers', 'keymount'));
    await until(() => child.output().includes('"serving"'));
    assert.equal(await child.stop(), 0);
  });

  it('takes its socket with --takeover', async () => {
    const keymount = await startKeymount({ build, socketFolder, args: ['--takeover'] });
    const reply = await keymount.client('vault').version();
    assert.ok('runtimeName' in reply && reply.runtimeName === 'keymount');
    await keymount.stop();
  });

  it('makes its socket anew when the provider that was taken over removes it at its end', async () => {
    const keymount = await startKeymount({ build, socketFolder, args: ['--takeover'] });
    rmSync(keymount.socket('vault'));
    await until(() => existsSync(keymount.socket('vault')), 15_000);
    assert.equal(await codeOn(keymount.socket('vault')), 'INVALID_ARGUMENT');
    assert.equal(await keymount.stop(), 0);
    assert.equal(existsSync(keymount.socket('vault')), false);
  });
});

/** A socket that nobody listens on any more. */
async function leaveSocket(path: string): Promise<void> {
  const server = createServer().listen(`${path}.bound`);
  await once(server, 'listening');
  renameSync(`${path}.bound`, path);
  server.close();
  await once(server, 'close');
}

async function codeOn(socket: string): Promise<string> {
  const outcome = await mount(socket, '{}');
  return 'code' in outcome ? outcome.code : 'OK';
}

import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { driverMount } from '../driver/drivermount.ts';
import { type Child, startChild } from '../lab/child-process.ts';
import { scratchFolder } from '../lab/scratch.ts';
import { need, requires } from '../lab/tools.ts';
import { type FileStore, makeFileStore } from './file-store.ts';
import { type Keymount, spawnKeymount, startKeymount } from './keymount.ts';
import { until } from './until.ts';

const uid = String(process.getuid?.() ?? 0);

/** A Go provider and keymount change places on a node with both providers directories (the Go part is a stub: see goprovider). */
describe('a provider written in Go and keymount', { skip: requires('goprovider', 'drivermount').skip }, () => {
  let store: FileStore;
  let dirs: readonly [string, string];
  let stateFolder: string;
  before(() => {
    store = makeFileStore();
  });
  beforeEach(() => {
    const base = scratchFolder('node');
    dirs = [join(base, 'run'), join(base, 'etc')];
    for (const dir of dirs) mkdirSync(dir);
    stateFolder = scratchFolder('state');
  });
  const children: Child[] = [];
  after(() => Promise.all(children.map((child) => child.stop())));

  async function startGo(dir: string): Promise<Child> {
    const child = await startChild(need('goprovider').goprovider, ['--endpoint', join(dir, 'keymount.sock')]);
    children.push(child);
    await until(() => child.output() !== '');
    return child;
  }
  const dirFlags = () => dirs.map((dir) => `--providers-dir=${dir}`);
  async function prepare(...more: string[]): Promise<Child> {
    const flags = [...dirFlags(), '--providers=keymount', `--uid=${uid}`, ...more];
    return await spawnKeymount('bundle', ['prepare', ...flags]);
  }
  async function prepared(...more: string[]): Promise<string> {
    const child = await prepare(...more);
    assert.equal(await child.ended, 0, child.output());
    return child.output();
  }
  const serve = () =>
    startKeymount({
      build: 'bundle',
      socketFolder: join(dirs[0], 'keymount'),
      stateFolder,
      args: [...store.args, '--providers=keymount', `--providers-dirs=${dirs.join(',')}`],
    });
  /** A Mount by the driver's own code, with a connection of its own: the provider that answered it. */
  async function answering(dir: string): Promise<string> {
    const target = join(scratchFolder('mnt'), 'mnt');
    const { versions, status } = await driverMount(join(dir, 'keymount.sock'), target, store.request, { timeout: 900 });
    return 'who' in versions ? 'goprovider' : 'password' in versions ? 'keymount' : status;
  }
  const isLink = (dir: string) =>
    lstatSync(join(dir, 'keymount.sock'), { throwIfNoEntry: false })?.isSymbolicLink() === true;
  /** Milliseconds until it is true. */
  async function taken(isTrue: () => boolean | Promise<boolean>): Promise<number> {
    const began = Date.now();
    await until(isTrue, 15_000);
    return Date.now() - began;
  }

  for (const which of [0, 1] as const) {
    describe(`in the ${which === 0 ? 'first' : 'further'} directory`, () => {
      for (const way of ['SIGTERM', 'SIGKILL'] as const) {
        it(`change places when the old one ends by ${way}: prepare has waited for it`, async (t) => {
          const go = await startGo(dirs[which]);
          const waiting = await prepare();
          await until(() =>
            /waiting for vault-csi-provider to leave .*keymount\.sock, for another 10m/.test(waiting.output()),
          );
          assert.equal(await answering(dirs[which]), 'goprovider');
          assert.deepEqual(readdirSync(dirs[which]), ['keymount.sock']);
          go.signal(way);
          await go.ended;
          const milliseconds = await taken(() => dirs.every(isLink));
          assert.equal(await waiting.ended, 0);
          t.diagnostic(`${milliseconds} ms from its end to the links`);
          assert.ok(milliseconds < 3_000, `${milliseconds} ms`);
          const keymount = await serve();
          assert.equal(await answering(dirs[which]), 'keymount');
          await keymount.stop();
        });
      }

      it('do so while the old one runs, and its end takes the link with it: keymount is not ready and says why', async () => {
        const go = await startGo(dirs[which]);
        await prepared('--takeover');
        const keymount = await serve();
        assert.equal(await answering(dirs[which]), 'keymount');
        await go.stop();
        assert.equal(isLink(dirs[which]), false);
        const fault = `${dirs[which]}/keymount.sock is gone, it should be a link to `;
        await until(async () => (await keymount.get('/readyz')).status === 503, 10_000);
        const { body } = await keymount.get('/readyz');
        assert.ok(body.includes(fault), body);
        assert.match(body, /rollout restart daemonset\/keymount/);
        assert.ok((await statusOf(keymount)).includes(fault));
        assert.equal(await keymount.metric('keymount_links_missing'), 1);
        await until(() => told(keymount, 'link-lost') === 1);
        // prepare alone mends it
        await prepared();
        await until(async () => (await keymount.get('/readyz')).status === 200, 10_000);
        await until(() => told(keymount, 'link-back') === 1);
        assert.equal(told(keymount, 'link-lost'), 1);
        assert.equal(await answering(dirs[which]), 'keymount');
        await keymount.stop();
      });

      it('do so while the old one runs, and prepare --keep puts the link back', async (t) => {
        const go = await startGo(dirs[which]);
        const keeper = await prepare('--takeover', '--keep');
        await until(() => dirs.every(isLink));
        const keymount = await serve();
        go.signal('SIGTERM');
        await go.ended;
        const back = await taken(() => dirs.every(isLink));
        const answered = await taken(async () => (await answering(dirs[which])) === 'keymount');
        t.diagnostic(`${back} ms to the link, ${back + answered} ms to the next answered Mount`);
        assert.ok(back < 2_000, `${back} ms`);
        assert.equal((await keymount.get('/readyz')).status, 200);
        assert.equal(await keeper.stop(), 0);
        assert.match(keeper.output(), /keymount\.sock is gone: it is a link to .* again/);
        assert.ok(dirs.every(isLink));
        await keymount.stop();
      });
    });
  }

  it('go there, back and there again, each time with what it had', async () => {
    let keymount: Keymount;
    for (let round = 0; round < 2; round++) {
      await prepared();
      keymount = await serve();
      assert.equal(await answering(dirs[1]), 'keymount');
      // With the links left, Go cannot bind its socket.
      const refused = await startChild(need('goprovider').goprovider, ['--endpoint', join(dirs[1], 'keymount.sock')]);
      assert.equal(await refused.ended, 1);
      assert.match(refused.output(), /bind: address already in use/);
      const removing = await prepare('--remove');
      await keymount.stop();
      assert.equal(await removing.ended, 0, removing.output());
      assert.deepEqual(
        dirs.map((dir) => readdirSync(dir)),
        [[], []],
      );
      const go = await startGo(dirs[1]);
      assert.equal(await answering(dirs[1]), 'goprovider');
      await go.stop();
    }
    // The state is still there for a third time.
    assert.ok(readdirSync(stateFolder).length > 0);
  });

  it('find a link again that somebody turned elsewhere', async () => {
    await prepared();
    const keymount = await serve();
    const { symlinkSync } = await import('node:fs');
    rmSync(join(dirs[1], 'keymount.sock'));
    symlinkSync('/run/elsewhere.sock', join(dirs[1], 'keymount.sock'));
    await until(async () => /leads to \/run\/elsewhere\.sock/.test((await keymount.get('/readyz')).body), 10_000);
    await prepared();
    assert.equal(readlinkSync(join(dirs[1], 'keymount.sock')), join(dirs[0], 'keymount/keymount.sock'));
    await keymount.stop();
  });
});

/** Lines of the log about an event. */
function told(keymount: Keymount, wanted: string): number {
  return keymount.log().filter(({ event }) => event === wanted).length;
}

async function statusOf({ socketFolder }: Keymount): Promise<string> {
  const child = await spawnKeymount('bundle', ['status', '--socket-dir', socketFolder]);
  await child.ended;
  return child.output();
}

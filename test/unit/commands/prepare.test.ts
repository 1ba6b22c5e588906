import assert from 'node:assert/strict';
import { lchownSync, lstatSync, mkdirSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { runPrepare } from '../../../provider/commands/prepare.ts';
import { scratchFolder } from '../../lab/scratch.ts';
import { type PrepareArgs, prepareWith } from './prepare-args.ts';

const uid = process.getuid?.() ?? 0;
const dialects = ['vault', 'keymount'] as const;

/** With nobody to wait for. */
const prepare = async (args: Omit<PrepareArgs, 'wait'>) => await prepareWith({ ...args, wait: '0' });

describe('keymount prepare', () => {
  it('makes a sub-directory of its own, and links to the sockets that will be in it', async () => {
    const dir = scratchFolder('prepare');
    await prepare({ providersDirs: [dir], stateDir: join(dir, 'state'), dialects, uid, takeover: false });
    assert.equal(readlinkSync(join(dir, 'vault.sock')), 'keymount/vault.sock');
    assert.equal(readlinkSync(join(dir, 'keymount.sock')), 'keymount/keymount.sock');
    for (const made of ['keymount', 'state']) assert.equal(lstatSync(join(dir, made)).mode & 0o777, 0o700);
  });

  it('links further providers directories to the sockets of the first', async () => {
    const dir = scratchFolder('prepare');
    const [first, second] = [join(dir, 'first'), join(dir, 'second')];
    mkdirSync(first);
    await prepare({ providersDirs: [first, second], stateDir: undefined, dialects, uid, takeover: false });
    assert.equal(readlinkSync(join(second, 'vault.sock')), join(first, 'keymount/vault.sock'));
    assert.equal(lstatSync(join(second, 'keymount'), { throwIfNoEntry: false }), undefined);
  });

  it('can be run again, also over what an interrupted run left', async () => {
    const dir = scratchFolder('prepare');
    const options = { providersDirs: [dir], stateDir: undefined, dialects, uid, takeover: false };
    symlinkSync('somewhere/else', join(dir, '.vault.sock.keymount'));
    await prepare(options);
    await prepare(options);
    assert.equal(readlinkSync(join(dir, 'vault.sock')), 'keymount/vault.sock');
  });

  it('replaces a file that a killed provider left', async () => {
    const dir = scratchFolder('prepare');
    writeFileSync(join(dir, 'vault.sock'), '');
    await prepare({ providersDirs: [dir], stateDir: undefined, dialects, uid, takeover: false });
    assert.ok(lstatSync(join(dir, 'vault.sock')).isSymbolicLink());
  });

  it('changes nothing where another provider answers, unless told to take over', async (t) => {
    const dir = scratchFolder('prepare');
    const server = await listen(join(dir, 'vault.sock'));
    t.after(() => server.close());
    const options = { providersDirs: [dir], stateDir: undefined, dialects, uid };
    await assert.rejects(prepare({ ...options, takeover: false }), { code: 'socket-taken' });
    assert.equal(lstatSync(join(dir, 'keymount'), { throwIfNoEntry: false }), undefined);
    await prepare({ ...options, takeover: true });
    assert.equal(readlinkSync(join(dir, 'vault.sock')), 'keymount/vault.sock');
  });

  /** A directory of somebody else, and what says whether it was touched. */
  function anothers(): { target: string; untouched: () => void } {
    const target = join(scratchFolder('anothers'), 'target');
    mkdirSync(target, { mode: 0o755 });
    const before = lstatSync(target);
    const untouched = () => {
      const { uid: owner, mode } = lstatSync(target);
      assert.deepEqual([owner, mode], [before.uid, before.mode]);
    };
    return { target, untouched };
  }

  it("hands over no link's target as the state directory, however its path is written", async () => {
    for (const ending of ['', '/', '//', '/.', '/./']) {
      const { target, untouched } = anothers();
      const dir = scratchFolder('prepare');
      symlinkSync(target, join(dir, 'state'));
      const options = { providersDirs: [dir], stateDir: `${dir}/state${ending}`, dialects, uid, takeover: false };
      await assert.rejects(prepare(options), /state is not a directory/, ending);
      untouched();
    }
  });

  it('hands over no link in place of its sub-directory', async () => {
    for (const ending of ['', '/']) {
      const { target, untouched } = anothers();
      const dir = scratchFolder('prepare');
      symlinkSync(target, join(dir, 'keymount'));
      const options = { providersDirs: [`${dir}${ending}`], stateDir: undefined, dialects, uid, takeover: false };
      await assert.rejects(prepare(options), /keymount is not a directory/);
      untouched();
      assert.equal(lstatSync(join(dir, 'vault.sock'), { throwIfNoEntry: false }), undefined);
    }
  });

  it('hands over no file, no dangling link, and no directory behind a link of the user who gets it', async () => {
    const dir = scratchFolder('prepare');
    const of = (stateDir: string, user = uid) =>
      prepare({ providersDirs: [dir], stateDir, dialects, uid: user, takeover: false });
    writeFileSync(join(dir, 'file'), '');
    symlinkSync('/absent', join(dir, 'dangling'));
    await assert.rejects(of(join(dir, 'file')), /file is not a directory/);
    await assert.rejects(of(join(dir, 'dangling')), /dangling is not a directory/);
    const { target, untouched } = anothers();
    symlinkSync(target, join(dir, 'link'));
    const user = uid === 0 ? 65532 : uid;
    if (uid === 0) lchownSync(join(dir, 'link'), user, user);
    await assert.rejects(of(join(dir, 'link/state'), user), /link is a link of user \d+/);
    untouched();
  });

  it('knows a providers directory that is named twice, and makes a state directory with its parents', async () => {
    const dir = scratchFolder('prepare');
    const options = {
      providersDirs: [`${dir}/`, `${dir}//.`],
      stateDir: `${dir}/a//b/`,
      dialects,
      uid,
      takeover: false,
    };
    await prepare(options);
    await prepare(options);
    assert.equal(readlinkSync(join(dir, 'vault.sock')), 'keymount/vault.sock');
    assert.equal(lstatSync(join(dir, 'a/b')).mode & 0o777, 0o700);
  });

  it('closes a directory of its own that is open to others', async () => {
    const dir = scratchFolder('prepare');
    mkdirSync(join(dir, 'keymount'), { mode: 0o755 });
    await prepare({ providersDirs: [dir], stateDir: undefined, dialects, uid, takeover: false });
    assert.equal(lstatSync(join(dir, 'keymount')).mode & 0o777, 0o700);
  });

  it('names what is wrong with its arguments', async () => {
    const run = (...argv: string[]) => runPrepare(argv, { print: () => {}, stop: new AbortController().signal });
    await assert.rejects(run(), /--providers-dir is missing/);
    await assert.rejects(run('--providers-dir', '/x', '--providers', 'valt'), /there is no dialect "valt"/);
    for (const text of [
      'me',
      '',
      ' ',
      '1e3',
      '0x10',
      '+1',
      '-1',
      '1.0',
      '01',
      ' 1',
      '1_0',
      '4294967295',
      '9'.repeat(30),
    ]) {
      await assert.rejects(run('--providers-dir', '/x', `--uid=${text}`), /--uid must be a number/, text);
    }
    for (const path of ['', 'x', './x', '/x/../y', '/..', '/x/..', 'C:\\x']) {
      await assert.rejects(run('--providers-dir', path), /--providers-dir must be an absolute path/, path);
      const args = [`--providers-dir=${scratchFolder('prepare')}`, `--state-dir=${path}`];
      await assert.rejects(run(...args), /--state-dir must be an absolute path/, path);
    }
    await assert.rejects(run('--provider-dir', '/x'), { code: 'settings-invalid' });
    await assert.rejects(run('--providers-dir', '/x', '--wait', '10'), /--wait must be a duration like/);
    await assert.rejects(run('--providers-dir', '/x', '--remove', '--state-dir', '/y'), /the state stays/);
  });
});

function listen(path: string): Promise<Server> {
  const server = createServer((socket) => socket.end());
  return new Promise((resolve) => server.listen(path, () => resolve(server)));
}

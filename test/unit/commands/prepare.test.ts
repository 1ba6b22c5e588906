import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { prepare, runPrepare } from '../../../provider/commands/prepare.ts';
import { scratchFolder } from '../../lab/scratch.ts';

const uid = process.getuid?.() ?? 0;
const dialects = ['vault', 'keymount'] as const;

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

  it('names what is wrong with its arguments', async () => {
    const run = (...argv: string[]) => runPrepare(argv, () => {});
    await assert.rejects(run(), /--providers-dir is missing/);
    await assert.rejects(run('--providers-dir', '/x', '--providers', 'valt'), /there is no dialect "valt"/);
    await assert.rejects(run('--providers-dir', '/x', '--uid', 'me'), /--uid must be a number/);
    await assert.rejects(run('--provider-dir', '/x'), { code: 'settings-invalid' });
  });
});

function listen(path: string): Promise<Server> {
  const server = createServer((socket) => socket.end());
  return new Promise((resolve) => server.listen(path, () => resolve(server)));
}

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { it } from 'node:test';
import { makeFileStore } from './file-store.ts';
import { forTheBundle, startKeymount } from './keymount.ts';

forTheBundle('keymount as the image starts it', (build) => {
  it('does not listen for SIGUSR1, by which Node opens its inspector', async (t) => {
    const keymount = await startKeymount({ build, args: makeFileStore().args });
    t.after(() => keymount.stop());
    const status = readFileSync(`/proc/${keymount.child.pid}/status`, 'utf8');
    // https://man7.org/linux/man-pages/man5/proc_pid_status.5.html: a mask in hexadecimal, the lowest bit is signal 1
    const [, caught = ''] = /^SigCgt:\s*([0-9a-f]+)$/m.exec(status) ?? [];
    const isCaught = (signal: number) => (BigInt(`0x${caught}`) >> BigInt(signal - 1)) & 1n;
    assert.equal(isCaught(constants.signals.SIGTERM), 1n);
    assert.equal(isCaught(constants.signals.SIGUSR1), 0n);
    keymount.child.signal('SIGUSR1');
    assert.equal((await keymount.get('/livez')).status, 200);
    assert.doesNotMatch(keymount.child.output(), /Debugger listening/);
  });
});

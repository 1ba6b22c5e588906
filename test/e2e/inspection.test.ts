import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, it } from 'node:test';
import { forEachBuild, type Keymount, startKeymount } from './keymount.ts';

forEachBuild('memory that holds secrets', (build) => {
  let keymount: Keymount;
  before(async () => {
    keymount = await startKeymount({ build });
  });
  after(() => keymount.stop());

  it('is in no core dump', () => {
    // https://man7.org/linux/man-pages/man5/core.5.html: no kind of mapping is dumped
    assert.equal(readFileSync(`/proc/${keymount.child.pid}/coredump_filter`, 'utf8'), '00000000\n');
  });

  it('is opened to nobody by a signal', async () => {
    for (let times = 0; times < 5; times++) {
      keymount.child.signal('SIGUSR1');
      assert.equal((await keymount.get('/livez')).status, 200);
    }
    assert.equal(await keymount.stop(), 0);
    assert.doesNotMatch(keymount.child.output(), /Debugger listening/);
  });
});

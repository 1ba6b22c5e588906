import assert from 'node:assert/strict';
import { it } from 'node:test';
import { canaries, runKeymount } from '../keymount.ts';

// Not a test of keymount: canaries.test.ts runs this file to see it fail, though its only test passes.
it('passes', async () => {
  const secret = canaries.plantToken('what was written on the command line');
  // an unknown command is repeated in the message
  assert.equal((await runKeymount('sources', [secret])).code, 2);
});

import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { texts } from '../lab/grpc-client.ts';
import { createTokenIssuer } from '../lab/pod-token.ts';
import { type FakeVault, json, secretCall, startFakeVault } from './fake-vault.ts';
import { canaries, type Keymount, startKeymount } from './keymount.ts';
import { passwordClass, requestOf } from './requests.ts';
import { until } from './until.ts';

const [token, password] = [canaries.plantToken('a login', 'hvs.'), canaries.plant('a secret')];

describe('a state file that cannot be removed', () => {
  const issuer = createTokenIssuer();
  let vault: FakeVault;
  let keymount: Keymount;
  before(async () => {
    vault = await startFakeVault(token, password);
    keymount = await startKeymount({ env: { VAULT_ADDR: vault.address } });
  });
  after(async () => {
    await vault.close();
    await keymount.stop();
  });

  it('is told in the log; a plain Mount is answered, and the process lives', async () => {
    const folder = join(keymount.stateFolder, 'leases');
    const replaced: string[] = [];
    const answer = json({ data: { data: { password }, metadata: { version: 1 } } });
    // Until its reads are answered, a session through which something may be issued has a file. No disk removes a directory so.
    vault.on(secretCall, (response, request) => {
      const files = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile());
      for (const { name } of files) {
        unlinkSync(join(folder, name));
        mkdirSync(join(folder, name));
        replaced.push(name);
      }
      answer(response, request);
    });
    for (const time of [1, 2]) {
      const outcome = await keymount.mount('vault', requestOf(issuer, { parameters: passwordClass }));
      assert.deepEqual(texts(outcome), { password }, `Mount ${time}`);
    }
    assert.ok(replaced.length > 0);
    await until(() => keymount.log().some(({ event }) => event === 'lease-state-not-removed'));
    const line = keymount.log().find(({ event }) => event === 'lease-state-not-removed');
    assert.match(String(line?.['reason']), /^E[A-Z]+$/);
    assert.equal((await keymount.get('/livez')).status, 200);
  });
});

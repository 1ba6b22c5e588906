import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { jwtRole } from '../lab/openbao-auth.ts';
import { requires } from '../lab/tools.ts';
import { loginAs, startVaultLab, type VaultLab } from './vault-lab.ts';

describe('OpenBao, by a token with a number of uses', { skip: requires('bao').skip }, () => {
  let lab: VaultLab;
  before(async () => {
    lab = await startVaultLab();
    for (const uses of [1, 3]) {
      await jwtRole(lab.bao, { name: `uses${uses}`, policies: ['all'], more: { token_num_uses: uses } });
    }
  });
  after(() => lab.close());

  it('takes no use for finding the mount of a path', async () => {
    const session = await lab.connect(loginAs('uses1'));
    assert.deepEqual([session.uses?.limit, session.uses?.spare], [1, 1]);
    lab.proxy.reset();
    assert.equal((await lab.value(session, 'secret/app')).keys?.['k'], 'v2');
    assert.equal(lab.proxy.count(/internal\/ui\/mounts/), 1);
    assert.match(await lab.failing(session, 'secret/app'), /\[token-used-up\]$/);
  });

  it('counts as keymount does: for found, missing and forbidden secrets', async () => {
    const session = await lab.connect(loginAs('uses3'));
    lab.proxy.reset();
    assert.match(await lab.failing(session, '/v1/secret/data/none'), /\[secret-missing\]$/);
    assert.match(await lab.failing(session, '/v1/sys/policies/acl'), /\[secret-denied\]$/);
    assert.equal(session.uses?.spare, 1);
    assert.equal((await lab.value(session, '/v1/kv1/app')).keys?.['k'], 'v');
    assert.match(await lab.failing(session, '/v1/kv1/app'), /\[token-used-up\]$/);
    assert.deepEqual(Object.values(lab.proxy.counts()), [1, 1, 1]);
  });
});

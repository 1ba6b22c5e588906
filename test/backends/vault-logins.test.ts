import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Session } from '../../provider/backends/backend.ts';
import { Endings } from '../../provider/sessions/endings.ts';
import { SecretString } from '../../provider/util/secret-string.ts';
import { until } from '../e2e/until.ts';
import { jwtRole } from '../lab/openbao-auth.ts';
import { requires } from '../lab/tools.ts';
import { SteppedClock } from '../unit/leases/stepped-clock.ts';
import { errorOf } from './contract.ts';
import { loginAs, startVaultLab, type VaultLab } from './vault-lab.ts';

describe('logins to a real OpenBao', requires('bao'), () => {
  let lab: VaultLab;

  before(async () => {
    lab = await startVaultLab();
  });
  after(() => lab.close());

  it('explains refused logins by role, audience and mount', async () => {
    assert.match(
      await lab.refused(loginAs('nope')),
      /auth\/jwt as role "nope" with audience "vault".*could not be found; check that role/,
    );
    assert.match(
      await lab.refused(loginAs('web', 'other')),
      /invalid audience.*the role must accept it.*\[login-denied\]/,
    );
    assert.match(
      await lab.refused(loginAs('web', 'vault', { ttl: -600 })),
      /expired.*check the clocks.*\[login-denied\]/,
    );
    assert.match(
      await lab.refused(loginAs('web'), { auth: { method: 'jwt', mount: 'other' } }),
      /auth\/other.*\[login-denied\]/,
    );
    assert.match(await lab.refused(loginAs(undefined)), /no role to log in with.*\[class-invalid\]/);
  });

  it('knows when the token ends, and what its end looks like', async () => {
    await jwtRole(lab.bao, { name: 'short', policies: ['app'], ttl: '1s' });
    const before = Date.now();
    const session = await lab.connect(loginAs('short'));
    const left = (session.expires ?? 0) - before;
    assert.ok(left >= 1000 && left < 3000, String(left));
    await new Promise((resolve) => setTimeout(resolve, 2100));
    assert.ok(session.isAuthorityLost(errorOf(await lab.read(session, '/v1/secret/data/app'))));
  });

  it('leaves no token behind when a session was replaced', async () => {
    const clock = new SteppedClock();
    const endings = new Endings(clock, 150_000, () => false);
    const session = (await lab.connect(loginAs('web'))) as Session;
    assert.equal((await lab.value(session, '/v1/secret/data/app')).keys?.['k'], 'v2');
    endings.add({ id: 1, session, scope: 'pod', ends: 0, denied: new Set(), secrets: new Map() });
    lab.proxy.reset();
    await clock.pass(200_000);
    await until(() => lab.proxy.count(/revoke-self/) === 1);
    // The request is counted before it is answered.
    await until(async () => (await lab.read(session, '/v1/secret/data/app'))?.status === 'rejected');
    assert.ok(session.isAuthorityLost(errorOf(await lab.read(session, '/v1/secret/data/app'))));
    endings.close();
  });

  it('logs in with AppRole from the Secret of the pod, wrapped or not, as often as it takes', async () => {
    await lab.bao.write('sys/auth/approle', { type: 'approle' });
    await lab.bao.write('auth/approle/role/app', { token_policies: ['app'] });
    const roleId = ((await lab.bao.read('auth/approle/role/app/role-id'))['data'] as { role_id: string }).role_id;
    const plain = ((await lab.bao.write('auth/approle/role/app/secret-id'))['data'] as { secret_id: string }).secret_id;
    const wrapping = await lab.bao.request('POST', 'auth/approle/role/app/secret-id', {
      body: {},
      headers: { 'x-vault-wrap-ttl': '60s' },
    });
    const wrapped = (wrapping.body as { wrap_info: { token: string } }).wrap_info.token;
    const auth = { auth: { method: 'approle' } };
    for (const secrets of [{ secret_id: plain }, { wrapped_secret_id: wrapped }, { secret_id: wrapped }]) {
      const publishSecrets = new Map(
        Object.entries({ role_id: roleId, ...secrets }).map(([k, v]) => [k, new SecretString(v)]),
      );
      const session = await lab.connect({ ...loginAs(undefined), publishSecrets }, auth);
      assert.equal((await lab.value(session, 'secret/app')).keys?.['k'], 'v2');
    }
    assert.match(
      await lab.refused(loginAs(undefined), auth),
      /no AppRole credentials.*nodePublishSecretRef.*\[token-missing\]/,
    );
    const wrong = new Map([
      ['role_id', new SecretString(roleId)],
      ['secret_id', new SecretString('no')],
    ]);
    assert.match(
      await lab.refused({ ...loginAs(undefined), publishSecrets: wrong }, auth),
      /auth\/approle was refused: 400 invalid/,
    );
  });
});

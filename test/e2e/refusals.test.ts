import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { driverRequest } from '../lab/driver-attributes.ts';
import { texts } from '../lab/grpc-client.ts';
import type { OpenBao } from '../lab/openbao.ts';
import { aPod } from '../lab/pod.ts';
import { createTokenIssuer } from '../lab/pod-token.ts';
import { type LabProxy, startProxy } from '../lab/proxy.ts';
import { requires } from '../lab/tools.ts';
import { baoClass, object, startBao } from './bao.ts';
import { canaries, forEachBuild, type Keymount, startKeymount } from './keymount.ts';
import { assertRefused } from './messages.ts';
import { type PodMount, requestOf } from './requests.ts';
import { until } from './until.ts';

describe('what a real OpenBao refuses', requires('bao'), () => {
  const issuer = createTokenIssuer();
  const password = canaries.plant('the password');
  let bao: OpenBao;
  let proxy: LabProxy;
  before(async () => {
    bao = await startBao(issuer);
    proxy = await startProxy(bao.address);
    await bao.putKv2('shop/db', { username: 'app', password });
    await bao.write('kv1/shop/db', { password });
    for (const name of ['deleted', 'destroyed']) {
      await bao.putKv2(`shop/${name}`, { password });
      await bao.write(`secret/${name === 'deleted' ? 'delete' : 'destroy'}/shop/${name}`, { versions: [1] });
    }
  });
  after(async () => {
    await proxy.close();
    await bao.stop();
  });

  forEachBuild('is told', (build) => {
    let keymount: Keymount;
    before(async () => {
      keymount = await startKeymount({ build, args: ['--vault-addr', proxy.address] });
    });
    after(() => keymount.stop());
    const mount = (objects: Record<string, unknown>[], more: Partial<PodMount> = {}, parameters = {}) =>
      keymount.mount('vault', requestOf(issuer, { ...more, parameters: baoClass(proxy.address, objects, parameters) }));
    const good = object('password', 'secret/data/shop/db', 'password');

    it('a token of another audience', async () => {
      const outcome = await mount([good], { audiences: ['other'] }, { audience: 'other' });
      const login = 'auth/jwt as role "app" with audience "other"';
      assertRefused(
        outcome,
        'PERMISSION_DENIED',
        'login-denied',
        '"password" (line 1)',
        login,
        'invalid audience (aud) claim',
        'the role must accept it',
      );
    });

    it('no token for the audience, and those that the driver did send', async () => {
      const outcome = await mount([good], { audiences: ['sts.amazonaws.com'] });
      assertRefused(
        outcome,
        'FAILED_PRECONDITION',
        'token-missing',
        '"password"',
        '"vault"',
        'it sent only "sts.amazonaws.com"',
      );
      assertRefused(
        await mount([good], { audiences: [] }),
        'FAILED_PRECONDITION',
        'token-missing',
        'tokenRequests',
        'none at all',
      );
    });

    it('an expired token', async () => {
      const outcome = await mount([good], { token: { ttl: -3600 } });
      assertRefused(
        outcome,
        'PERMISSION_DENIED',
        'login-denied',
        '"password"',
        'role "app"',
        'token is expired',
        'clocks',
      );
    });

    it('an unknown role and an unknown auth mount', async () => {
      const role = await mount([good], {}, { roleName: 'nobody' });
      assertRefused(
        role,
        'PERMISSION_DENIED',
        'login-denied',
        'role "nobody"',
        '"nobody" could not be found',
        'check that role "nobody" exists at auth/jwt',
      );
      const mounts = await mount([good], {}, { vaultAuthMountPath: 'nowhere' });
      assertRefused(mounts, 'PERMISSION_DENIED', 'login-denied', 'auth/nowhere', '403');
    });

    it('a missing path, and one that only lacks its data/', async () => {
      const missing = await mount([object('password', 'secret/data/shop/absent', 'password')]);
      assertRefused(
        missing,
        'NOT_FOUND',
        'secret-missing',
        'objects[0] "password" (line 1)',
        'secret/data/shop/absent',
      );
      const without = await mount([object('password', 'secret/shop/db', 'password')]);
      assertRefused(
        without,
        'PERMISSION_DENIED',
        'secret-denied',
        'secret/shop/db',
        'did you mean secret/data/shop/db? secret/ is KV version 2',
      );
    });

    it('data/ in a path of KV version 1', async () => {
      const outcome = await mount([object('password', 'kv1/data/shop/db', 'password')]);
      assertRefused(
        outcome,
        'PERMISSION_DENIED',
        'secret-denied',
        'kv1/data/shop/db',
        'did you mean kv1/shop/db? kv1/ is KV version 1',
      );
    });

    it('a missing key, with the keys that there are', async () => {
      const outcome = await mount([object('password', 'secret/data/shop/db', 'passwort')]);
      assertRefused(
        outcome,
        'NOT_FOUND',
        'key-missing',
        '"password" (line 1)',
        '"passwort"',
        'secret/data/shop/db',
        'password',
        'username',
      );
    });

    it('a denied path, with the rule that it needs', async () => {
      const outcome = await mount([object('token', 'secret/data/finance/db', 'token')]);
      assertRefused(
        outcome,
        'PERMISSION_DENIED',
        'secret-denied',
        '"token" (line 1)',
        'secret/data/finance/db as role "app"',
        '403 permission denied',
        'path "secret/data/finance/db" { capabilities = ["read"] }',
      );
    });

    it('a deleted and a destroyed version as what they are', async () => {
      const deleted = await mount([object('password', 'secret/data/shop/deleted', 'password')]);
      assertRefused(
        deleted,
        'NOT_FOUND',
        'secret-deleted',
        'version 1 of secret/data/shop/deleted was deleted',
        'undelete it',
      );
      const destroyed = await mount([object('password', 'secret/data/shop/destroyed', 'password')]);
      assertRefused(
        destroyed,
        'NOT_FOUND',
        'secret-deleted',
        'version 1 of secret/data/shop/destroyed was destroyed',
        'write a new version',
      );
    });

    it('all that failed at once, the same text each time, and mounts nothing', async () => {
      const objects = [
        good,
        object('absent', 'secret/data/shop/absent', 'a'),
        object('denied', 'secret/data/finance/db', 'a'),
        ...Array.from({ length: 60 }, (_, index) => object(`more-${index}`, `secret/data/shop/more-${index}`, 'a')),
      ];
      const [first, second] = [await mount(objects), await mount(objects)];
      const message = assertRefused(
        first,
        'NOT_FOUND',
        'secret-missing',
        'objects[1] "absent" (line 1)',
        'objects[2] "denied" (line 1): secret-denied',
      );
      assert.match(message, / \| \+\d+ more/);
      assert.equal('code' in second && second.message, message);
      const lastMount = () => keymount.log().findLast(({ event }) => event === 'mount');
      // the line is written after the reply
      await until(() => Array.isArray(lastMount()?.['failures']));
      const failures = lastMount()?.['failures'];
      assert.equal((failures as unknown[]).length, 62);
    });

    it('once: a path that stays forbidden costs no login at each Mount', async () => {
      const parameters = baoClass(proxy.address, [good, object('denied', 'secret/data/finance/db', 'a')]);
      const republish = requestOf(issuer, { parameters });
      for (let round = 0; round < 2; round++) await keymount.mount('vault', republish);
      proxy.reset();
      for (let round = 0; round < 5; round++) {
        assertRefused(await keymount.mount('vault', republish), 'PERMISSION_DENIED', 'secret-denied');
      }
      assert.equal(proxy.count(/\/login$/), 0);
      // every time it is asked anew whether it still is
      assert.equal(proxy.count(/^GET .*finance\/db$/), 5);
    });

    it('nothing of a token that was revoked: it logs in again', async () => {
      const pod = aPod();
      const token = issuer.mint(pod, 'vault');
      canaries.watchJwt('the token of a pod', token.token);
      const read = (path: string) => {
        const parameters = baoClass(proxy.address, [object('password', path, 'password')]);
        return keymount.mount('vault', driverRequest({ pod, parameters, tokens: { vault: token } }));
      };
      assert.deepEqual(texts(await read('secret/data/shop/db')), { password });
      await bao.write('sys/leases/revoke-prefix/auth/jwt/login');
      proxy.reset();
      assert.deepEqual(texts(await read('kv1/shop/db')), { password });
      assert.equal(proxy.count(/\/login$/), 1);
    });
  });
});

import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { texts } from '../lab/grpc-client.ts';
import type { OpenBao } from '../lab/openbao.ts';
import { aPod } from '../lab/pod.ts';
import { createTokenIssuer } from '../lab/pod-token.ts';
import { scratchFolder } from '../lab/scratch.ts';
import { requires } from '../lab/tools.ts';
import { appPolicy, baoClass, object, startBao } from './bao.ts';
import { canaries, forEachBuild, type Keymount, startKeymount } from './keymount.ts';
import { assertRefused } from './messages.ts';
import { type PodMount, requestOf } from './requests.ts';

describe('secrets of a real OpenBao', requires('bao'), () => {
  const issuer = createTokenIssuer();
  const password = canaries.plant('the password');
  const other = canaries.plant('the other password');
  let bao: OpenBao;
  let config: string;
  before(async () => {
    bao = await startBao(issuer);
    await bao.putKv2('shop/db', { username: 'app', password, port: 5432, labels: { b: '<1>', a: [true, null] } });
    await bao.write('kv1/shop/db', { password, data: { password: other } });
    await bao.mount('pki', 'pki');
    await bao.write('pki/root/generate/internal', { common_name: 'test CA', key_type: 'ec', key_bits: 256 });
    await bao.write('pki/roles/web', { allow_any_name: true, key_type: 'ec', key_bits: 256, enforce_hostnames: false });
    config = join(scratchFolder('config'), 'keymount.yaml');
    const auth = { method: 'jwt', mount: 'jwt', role: 'app', audience: 'vault' };
    writeFileSync(config, JSON.stringify({ connections: { bao: { kind: 'openbao', address: bao.address, auth } } }));
  });
  after(() => bao.stop());

  forEachBuild('read', (build) => {
    let keymount: Keymount;
    before(async () => {
      keymount = await startKeymount({ build, args: ['--config', config, '--refresh-interval', '0'] });
    });
    after(() => keymount.stop());
    const mount = (objects: Record<string, unknown>[], more: Partial<PodMount> = {}) =>
      keymount.mount('vault', requestOf(issuer, { ...more, parameters: baoClass(bao.address, objects) }));

    it('gives keys of KV version 2 and 1, values that are no text as JSON', async () => {
      const outcome = await mount([
        object('db/password', 'secret/data/shop/db', 'password'),
        object('db/port', '/v1/secret/data/shop/db', 'port'),
        object('db/labels', 'secret/data/shop/db?version=1', 'labels'),
        object('old', 'kv1/shop/db', 'password'),
      ]);
      assert.deepEqual(texts(outcome), {
        'db/password': password,
        'db/port': '5432',
        'db/labels': '{"a":[true,null],"b":"\\u003c1\\u003e"}',
        // as with the Go providers, what is below `data` goes before
        old: other,
      });
    });

    it('gives a whole reply, the same each time', async () => {
      const [first, second] = [
        await mount([object('all', 'secret/data/shop/db')]),
        await mount([object('all', 'secret/data/shop/db')]),
      ];
      assert.deepEqual(first, second);
      const reply = JSON.parse(texts(first)['all'] ?? '') as {
        request_id: string;
        data: { data: { password: string } };
      };
      assert.equal(reply.request_id, '');
      assert.equal(reply.data.data.password, password);
    });

    it('issues one certificate for each set of arguments', async () => {
      const issue = (commonName: string, key = 'certificate') =>
        object(`${commonName}.${key}`, 'pki/issue/web', key, {
          method: 'PUT',
          secretArgs: { common_name: commonName, ttl: '1h' },
        });
      const files = texts(await mount([issue('one.shop'), issue('two.shop'), issue('one.shop', 'private_key')]));
      const certificate = new X509Certificate(files['one.shop.certificate'] ?? '');
      assert.equal(certificate.subject, 'CN=one.shop');
      assert.equal(new X509Certificate(files['two.shop.certificate'] ?? '').subject, 'CN=two.shop');
      // both files of one name come from one request
      assert.ok(certificate.checkPrivateKey(createPrivateKey(files['one.shop.private_key'] ?? '')));
    });

    it('reads through openbao.sock with the parameters of OpenBao, and through keymount.sock as the CLI names things', async () => {
      const parameters = {
        baoAddress: bao.address,
        baoAuthMountPath: 'jwt',
        baoRoleName: 'app',
        objects: JSON.stringify([object('password', 'secret/data/shop/db', 'password')]),
        audience: 'vault',
      };
      assert.deepEqual(texts(await keymount.mount('openbao', requestOf(issuer, { parameters }))), { password });
      const objects = JSON.stringify([
        { file: 'two', secret: 'secret/shop/db', key: 'password', mode: '0400' },
        { file: 'one', secret: 'kv1/shop/db', key: 'password' },
      ]);
      const native = await keymount.mount(
        'keymount',
        requestOf(issuer, { parameters: { connection: 'bao', objects } }),
      );
      assert.deepEqual(texts(native), { one: password, two: password });
      assert.deepEqual('files' in native && native.files.map(({ mode }) => mode), [0o400, 0o644]);
    });

    it('logs in with the AppRole of nodePublishSecretRef', async () => {
      await bao.write('sys/auth/approle', { type: 'approle' }).catch(() => {});
      await bao.write('auth/approle/role/app', { token_policies: ['app'] });
      const [{ data: role }, { data: secret }] = [
        (await bao.read('auth/approle/role/app/role-id')) as { data: { role_id: string } },
        (await bao.write('auth/approle/role/app/secret-id')) as { data: { secret_id: string } },
      ];
      const parameters = {
        ...baoClass(bao.address, [object('password', 'secret/data/shop/db', 'password')]),
        vaultAuthMountPath: 'approle',
      };
      const nodePublishSecret = { role_id: role.role_id, secret_id: secret.secret_id };
      assert.deepEqual(texts(await keymount.mount('vault', requestOf(issuer, { parameters, nodePublishSecret }))), {
        password,
      });
      const wrong = { ...nodePublishSecret, secret_id: canaries.plantToken('a wrong secret id') };
      const outcome = await keymount.mount('vault', requestOf(issuer, { parameters, nodePublishSecret: wrong }));
      assertRefused(outcome, 'PERMISSION_DENIED', 'login-denied', 'auth/approle', 'invalid role or secret ID');
    });

    it('sees a changed policy at the next Mount, in both directions', async () => {
      const pod = aPod();
      const mountNew = () => mount([object('new', 'secret/data/new/db', 'password')], { pod });
      await bao.putKv2('new/db', { password });
      assertRefused(await mountNew(), 'PERMISSION_DENIED', 'secret-denied');
      await bao.policy('app', `${appPolicy} path "secret/data/new/*" { capabilities = ["read"] }`);
      assert.deepEqual(texts(await mountNew()), { new: password });
      await bao.policy('app', appPolicy);
      assertRefused(await mountNew(), 'PERMISSION_DENIED', 'secret-denied');
    });
  });
});

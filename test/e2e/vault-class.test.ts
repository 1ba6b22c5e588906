import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { driverMount } from '../driver/drivermount.ts';
import { startChild } from '../lab/child-process.ts';
import { type FakeKube, startFakeKube } from '../lab/fakekube.ts';
import { mounted, texts, versions } from '../lab/grpc-client.ts';
import { type OpenBao, startOpenBao } from '../lab/openbao.ts';
import { enableKubernetesAuth, kubernetesRole } from '../lab/openbao-auth.ts';
import { aPod } from '../lab/pod.ts';
import { createTokenIssuer } from '../lab/pod-token.ts';
import { scratchFolder } from '../lab/scratch.ts';
import { need, requires } from '../lab/tools.ts';
import { canaries, forEachBuild, type Keymount, startKeymount } from './keymount.ts';
import { assertRefused } from './messages.ts';
import { requestOf, vaultClass } from './requests.ts';

/** A class as its owner has it today, for hashicorp/vault-csi-provider; only the address is the test's. */
const classOf = (address: string) => ({
  vaultAddress: address,
  roleName: 'app-role',
  vaultSkipTLSVerify: 'false',
  objects: `- objectName: "db-username"
  secretPath: "secret/data/database/config"
  secretKey: "username"
- objectName: "db-password"
  secretPath: "secret/data/database/config"
  secretKey: "password"
`,
});

const policy = 'path "secret/data/*" { capabilities = ["read"] } path "path/*" { capabilities = ["read"] }';
const versionKey = 'vault-csi-provider-hmac-key';

describe(
  'a class of the Vault provider, with kubernetes auth',
  requires('bao', 'fakekube', 'drivermount', 'mountbench'),
  () => {
    const issuer = createTokenIssuer();
    const username = canaries.plant('the username');
    const password = canaries.plant('the password');
    let bao: OpenBao;
    let kube: FakeKube;
    before(async () => {
      [bao, kube] = await Promise.all([startOpenBao(), startFakeKube(issuer)]);
      canaries.watchJwt('the token of keymount itself', kube.reviewerToken);
      await bao.putKv2('database/config', { username, password });
      await bao.policy('app', policy);
      await enableKubernetesAuth(bao, kube);
      await kubernetesRole(bao, {
        name: 'app-role',
        policies: ['app'],
        more: { bound_service_account_namespaces: ['shop'], bound_service_account_names: ['web'] },
      });
    });
    after(() => Promise.all([bao.stop(), kube.stop()]));
    const request = (pod = aPod()) => requestOf(issuer, { pod, parameters: classOf(bao.address) });
    const start = (build: Keymount['build']) => startKeymount({ build, args: ['--kubeconfig', kube.kubeconfig] });

    const versionsByBuild: Record<string, string>[] = [];
    forEachBuild('unchanged', (build) => {
      let keymount: Keymount;
      before(async () => {
        keymount = await start(build);
      });
      after(() => keymount.stop());

      it('mounts what it asks for', async () => {
        const reply = mounted(await keymount.mount('vault', request()));
        assert.deepEqual(texts(reply), { 'db-username': username, 'db-password': password });
        assert.deepEqual(
          reply.files.map(({ mode }) => mode),
          [0o644, 0o644],
        );
        assert.equal(reply.errorCode, '');
      });

      it('gives both files a version, the same for each pod and each Mount', async () => {
        const pod = aPod();
        const first = versions(await keymount.mount('vault', request(pod)));
        assert.deepEqual(Object.keys(first).sort(), ['db-password', 'db-username']);
        for (const version of Object.values(first)) assert.match(version, /^[\w-]{43}=$/);
        assert.notEqual(first['db-username'], first['db-password']);
        for (const each of [pod, aPod()])
          assert.deepEqual(versions(await keymount.mount('vault', request(each))), first);
        versionsByBuild.push(first);
      });

      it('reaches the volume through the driver', async () => {
        const volume = scratchFolder('volume');
        const { status, error } = await driverMount(keymount.socket('vault'), volume, request());
        assert.deepEqual([status, error], ['OK', '']);
        const files = ['db-username', 'db-password'].map((name) => readFileSync(join(volume, name), 'utf8'));
        assert.deepEqual(files, [username, password]);
      });

      it('reaches many pods through the driver, and is the same when it is published again', async () => {
        const folder = scratchFolder('load');
        const [spec, report] = [join(folder, 'spec.json'), join(folder, 'report.json')];
        const { keyFile } = issuer.writeTo(folder);
        const pods = {
          namespace: 'shop',
          serviceAccount: 'web',
          audiences: ['vault'],
          parameters: classOf(bao.address),
        };
        writeFileSync(spec, JSON.stringify(pods));
        const load = await startChild(need('mountbench').mountbench, [
          ...[
            '--socket',
            keymount.socket('vault'),
            '--spec',
            spec,
            '--signing-key',
            keyFile,
            '--issuer',
            issuer.issuer,
          ],
          ...[
            '--pods',
            '30',
            '--target-dir',
            folder,
            '--phase',
            'storm:1:0',
            '--phase',
            'republish:2:0',
            '--json',
            report,
          ],
        ]);
        assert.equal(await load.ended, 0, load.output());
        const { phases } = JSON.parse(readFileSync(report, 'utf8')) as { phases: Record<string, unknown>[] };
        assert.deepEqual(
          phases.map(({ mounts, errors, files }) => [mounts, errors, files]),
          [
            [30, 0, 60],
            [60, 0, 60],
          ],
        );
        assert.deepEqual([phases[1]?.['versions_changed'], phases[1]?.['contents_changed']], [0, 0]);
      });

      it('tells a ServiceAccount that the role does not know what to change', async () => {
        const pod = aPod({ serviceAccount: 'intruder' });
        assertRefused(
          await keymount.mount('vault', request(pod)),
          'PERMISSION_DENIED',
          'login-denied',
          'auth/kubernetes as role "app-role" with audience "vault"',
          'shop/intruder',
          '403',
        );
      });

      it('believes a token and not the names beside it', async () => {
        const [owner, thief] = [aPod(), aPod({ serviceAccount: 'intruder' })];
        await keymount.mount('vault', request(owner));
        // the attributes of a pod that may read, the token of one that may not
        const own = JSON.parse(request(thief).attributes) as Record<string, string>;
        const attributes = JSON.stringify({
          ...(JSON.parse(request(owner).attributes) as object),
          'csi.storage.k8s.io/serviceAccount.tokens': own['csi.storage.k8s.io/serviceAccount.tokens'],
        });
        const outcome = await keymount.mount('vault', { attributes, secrets: 'null' });
        assert.ok('code' in outcome && outcome.code === 'PERMISSION_DENIED');
      });
    });

    it('made one key for the versions of all keymounts, in the Secret of the Vault provider', async () => {
      const calls = await kube.requests();
      assert.equal(calls['POST /api/v1/namespaces/kube-system/secrets'], 1);
      assert.equal(versionsByBuild.length, 2);
      assert.deepEqual(versionsByBuild[0], versionsByBuild[1]);
    });

    forEachBuild('moved over from the Vault provider', (build) => {
      it('gives the versions that the pods had there', async () => {
        await kube.putSecret('kube-system', versionKey, { key: 'a'.repeat(32) });
        await bao.mount('path', 'kv', { version: '1' }).catch(() => {});
        await bao.write('path/one', { 'the-key': 'secret v1 from: /v1/path/one' });
        await bao.putKv2('kv1', { bar1: 'hello1' });
        const keymount = await start(build);
        const objects = [
          { objectName: 'object-one', secretPath: 'path/one', secretKey: 'the-key' },
          { objectName: 'secret-1', secretPath: 'secret/data/kv1', secretKey: 'bar1', filePermission: 0o624 },
        ];
        const parameters = vaultClass(objects, { vaultAddress: bao.address, roleName: 'app-role' });
        const outcome = await keymount.mount('vault', requestOf(issuer, { parameters }));
        await keymount.stop();
        assert.deepEqual(versions(outcome), {
          'object-one': 'Ju6kHz5rRvW3iuFQnbuVgTN_4-fiH7hHdCOIklbIGEg=',
          'secret-1': 'yB_OP6xXLzNrVvrQUc58DI58V9qSk39IP_vqj09uXGg=',
        });
      });
    });
  },
);

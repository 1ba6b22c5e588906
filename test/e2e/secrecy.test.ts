import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, it } from 'node:test';
import { texts } from '../lab/grpc-client.ts';
import { aPod } from '../lab/pod.ts';
import { createTokenIssuer } from '../lab/pod-token.ts';
import { scratchFolder } from '../lab/scratch.ts';
import { type FakeVault, json, loginCall, secretPath, startFakeVault } from './fake-vault.ts';
import { makeFileStore } from './file-store.ts';
import { canaries, forEachBuild, type Keymount, runKeymount, spawnKeymount, startKeymount } from './keymount.ts';
import { assertRefused } from './messages.ts';
import { type PodMount, passwordClass, requestOf, vaultClass } from './requests.ts';

const issuer = createTokenIssuer();
const password = canaries.plant('the password');
const token = canaries.plantToken('the Vault token', 'hvs.');
const proxyPassword = canaries.plantToken('the password of the proxy');

// What is asserted here is little: the harness searches all output of these processes for all of these secrets at the end.
for (const format of ['json', 'text']) {
  forEachBuild(`a log as ${format} that tells all it can`, (build) => {
    let vault: FakeVault;
    let keymount: Keymount;
    before(async () => {
      vault = await startFakeVault(token, password);
      const args = ['--vault-addr', vault.address, '--vault-retries', '0', '--refresh-interval', '0'];
      keymount = await startKeymount({ build, args: [...args, '--log-level', 'debug', '--log-format', format] });
    });
    afterEach(() => vault.reset());
    after(async () => {
      await keymount.stop();
      await vault.close();
    });
    const mount = (objects: Record<string, unknown>[], parameters = {}, more: Partial<PodMount> = {}) =>
      keymount.mount('vault', requestOf(issuer, { ...more, parameters: vaultClass(objects, parameters) }));
    const one = (more: object) => [{ objectName: 'password', secretPath, ...more }];

    it('shows nothing of Mounts that succeed', async () => {
      assert.deepEqual(texts(await mount(one({ secretKey: 'password' }))), { password });
      assert.ok('files' in (await mount(one({}))));
    });

    it('shows nothing of values that are not what the class says', async () => {
      for (const encoding of ['base64', 'hex']) {
        assertRefused(await mount(one({ secretKey: 'password', encoding })), 'FAILED_PRECONDITION', 'value-invalid');
      }
      assertRefused(await mount(one({ secretKey: password.slice(0, 8) })), 'NOT_FOUND', 'key-missing');
    });

    it('shows nothing of the tokens of the driver, wherever they come', async () => {
      const both = requestOf(issuer, {
        parameters: passwordClass,
        tokensInSecrets: true,
        nodePublishSecret: { other: canaries.plant('a Secret') },
      });
      assert.deepEqual(texts(await keymount.mount('vault', both)), { password });
      vault.on(loginCall, json({ errors: ['permission denied'] }, 403));
      const denied = requestOf(issuer, { parameters: passwordClass, tokensInSecrets: true });
      assertRefused(await keymount.mount('vault', denied), 'PERMISSION_DENIED', 'login-denied');
      const cut = both.attributes.slice(0, -2);
      assertRefused(
        await keymount.mount('vault', { attributes: cut, secrets: both.secrets }),
        'INVALID_ARGUMENT',
        'request-malformed',
      );
      assertRefused(
        await keymount.mount('vault', { ...both, secrets: both.secrets.slice(1) }),
        'INVALID_ARGUMENT',
        'request-malformed',
      );
    });

    it('shows nothing of the Secret of nodePublishSecretRef', async () => {
      const nodePublishSecret = {
        role_id: canaries.plantToken('the role id'),
        secret_id: canaries.plantToken('the secret id'),
      };
      const objects = one({ secretKey: 'password' });
      vault.on(
        'POST /v1/auth/approle/login',
        json({ errors: [`invalid secret id ${nodePublishSecret.secret_id}`] }, 400),
      );
      assertRefused(await mount(objects, {}, { nodePublishSecret }), 'PERMISSION_DENIED', 'login-denied', '[secret]');
      const wrapped = {
        role_id: nodePublishSecret.role_id,
        wrapped_secret_id: canaries.plantToken('the wrapping token', 'hvs.'),
      };
      vault.on(
        'POST /v1/sys/wrapping/unwrap',
        json({ errors: [`wrapping token ${wrapped.wrapped_secret_id} is not valid`] }, 400),
      );
      assertRefused(
        await mount(objects, {}, { nodePublishSecret: wrapped }),
        'PERMISSION_DENIED',
        'login-denied',
        '[secret]',
      );
    });

    it('shows nothing of what stands in an address', async () => {
      const inAddress = canaries.plantToken('a password in an address');
      const vaultAddress = `http://app:${inAddress}@127.0.0.1:1`;
      assertRefused(await mount(one({}), { vaultAddress }), 'INVALID_ARGUMENT', 'class-invalid');
      const inQuery = one({ secretPath: `secret/data/absent?token=${inAddress}` });
      assertRefused(await mount(inQuery), 'NOT_FOUND', 'secret-missing', 'secret/data/absent');
    });

    it('shows nothing of a secret that an author pasted into a class', async () => {
      const pasted = canaries.plantToken('a pasted secret');
      for (const objects of [
        `- objectName: x\n  secretPath: y\n  method: ${pasted}`,
        `- ${pasted}`,
        `${pasted}: [`,
        `- {secretArgs: ${pasted}, objectName: x, secretPath: y}`,
      ]) {
        const request = requestOf(issuer, { parameters: { roleName: 'app', objects } });
        assertRefused(await keymount.mount('vault', request), 'INVALID_ARGUMENT', 'class-invalid');
      }
    });

    it('shows nothing of the key of the versions', async () => {
      await mount(one({ secretKey: 'password' }));
      const files = readdirSync(keymount.stateFolder).filter((name) => name.startsWith('version-key.'));
      assert.equal(files.length, 1);
      for (const file of files)
        canaries.watch('the key of the versions', readFileSync(join(keymount.stateFolder, file), 'utf8').trim());
    });

    it('was written by a keymount that never used the token of its environment', async () => {
      await mount(one({ secretKey: 'password' }));
      assert.deepEqual(
        vault.requests().map((request) => request.token),
        [undefined, token],
      );
    });
  });
}

forEachBuild('what keymount prints beside its log', (build) => {
  it('is, of a crash, the kind of the error and places in the code alone', async () => {
    const secret = canaries.plant('what a library says in an error');
    const [socketFolder, preload] = [scratchFolder('s'), join(scratchFolder('preload'), 'crash.mjs')];
    const socket = JSON.stringify(join(socketFolder, 'keymount.sock'));
    const message = JSON.stringify(`cannot use ${secret}`);
    writeFileSync(
      preload,
      `import { existsSync } from 'node:fs';
      const fail = () => { throw Object.assign(new TypeError(${message}), { headers: ${message} }); };
      setInterval(() => existsSync(${socket}) && fail(), 20);`,
    );
    const flags = ['--socket-dir', socketFolder, '--state-dir', scratchFolder('state')];
    const child = await spawnKeymount(build, ['serve', ...flags], {
      env: { NODE_OPTIONS: `--import=${preload}` },
      mayCrash: true,
    });
    assert.equal(await child.ended, 1);
    const crash = child
      .output()
      .split('\n')
      .find((line) => line.includes('"event":"crash"'));
    assert.ok(crash !== undefined, child.output());
    assert.match(crash, /"cause":"TypeError"/);
  });

  it('says nothing of the password of a proxy', async () => {
    const keymount = await startKeymount({
      build,
      args: ['--vault-retries', '0', '--vault-proxy', `http://app:${proxyPassword}@127.0.0.1:1`],
    });
    const outcome = await keymount.mount(
      'vault',
      requestOf(issuer, { parameters: { ...passwordClass, vaultAddress: 'http://vault.test' } }),
    );
    assertRefused(outcome, 'UNAVAILABLE', 'backend-unreachable', 'the proxy 127.0.0.1:1');
    await keymount.stop();
  });

  it('is, of a dry run, sizes and versions', async () => {
    const store = makeFileStore();
    const folder = scratchFolder('class');
    const classFile = join(folder, 'class.yaml');
    const objects = JSON.stringify([
      { file: 'password', secret: 'password' },
      { file: 'json', secret: 'password', mode: '0400' },
    ]);
    const spec = { provider: 'keymount', parameters: { connection: 'local', objects } };
    const manifest = {
      apiVersion: 'secrets-store.csi.x-k8s.io/v1',
      kind: 'SecretProviderClass',
      metadata: { name: 'web', namespace: 'shop' },
      spec,
    };
    writeFileSync(classFile, JSON.stringify(manifest));
    const tokenFile = join(folder, 'token');
    const { token: jwt } = issuer.mint(aPod(), 'vault');
    canaries.watchJwt('the token in a file', jwt);
    writeFileSync(tokenFile, jwt);
    mkdirSync(join(folder, 'state'));
    const args = [
      'mount',
      classFile,
      ...store.args,
      '--state-dir',
      join(folder, 'state'),
      '--token',
      `vault=${tokenFile}`,
    ];
    const { code, output } = await runKeymount(build, args);
    assert.equal(code, 0, output);
    const line = output.split('\n').find((each) => each.includes('password')) ?? '';
    assert.ok(line.split(/\s+/).includes(String(Buffer.byteLength(store.password))), output);
  });
});

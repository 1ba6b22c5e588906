import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, it } from 'node:test';
import fc from 'fast-check';
import { type DialectName, dialectNames } from '../../provider/plan/plan.ts';
import { texts } from '../lab/grpc-client.ts';
import { createTokenIssuer } from '../lab/pod-token.ts';
import { type FakeVault, startFakeVault } from './fake-vault.ts';
import { type FileStore, makeFileStore } from './file-store.ts';
import { canaries, forEachBuild, type Keymount, startKeymount } from './keymount.ts';
import { assertRefused } from './messages.ts';
import { oddRequests } from './odd-requests.ts';
import { callRaw, sendRaw } from './raw-calls.ts';
import { passwordClass, requestOf } from './requests.ts';

const issuer = createTokenIssuer();
const password = canaries.plant('the password');
const { junk, objects, names } = oddRequests({ text: 1_000_000, depth: 200_000 });
const runs = 100;
/** In the name of the suite; the same variable repeats a run. */
const seed = Number(process.env['KEYMOUNT_SEED'] ?? randomBytes(4).readInt32BE());

forEachBuild(`malformed requests (KEYMOUNT_SEED=${seed})`, (build) => {
  let vault: FakeVault;
  let store: FileStore;
  let keymount: Keymount;
  before(async () => {
    vault = await startFakeVault(canaries.plantToken('the Vault token', 'hvs.'), password);
    store = makeFileStore();
    keymount = await startKeymount({
      build,
      args: [...store.args, '--vault-addr', vault.address, '--vault-timeout', '300ms', '--vault-retries', '0'],
    });
  });
  after(async () => {
    await keymount.stop();
    await vault.close();
  });

  /** Answered by whatever, in time; then a good Mount works. */
  async function survives(attributes: string, secrets: string, permission: string, dialect: DialectName = 'vault') {
    const started = performance.now();
    const outcome = await keymount.mount(dialect, { attributes, secrets }, { permission, deadline: 10_000 });
    const failed =
      'code' in outcome && ['INTERNAL', 'UNKNOWN', 'DEADLINE_EXCEEDED', 'UNAVAILABLE'].includes(outcome.code);
    assert.ok(!failed || outcome.message.endsWith('[backend-unreachable]'), JSON.stringify(outcome));
    assert.ok(performance.now() - started < 2_000, `answered after ${performance.now() - started} ms`);
    assert.deepEqual(texts(await keymount.mount('keymount', store.request)), { password: store.password });
  }
  const check = (property: fc.IAsyncProperty<unknown>) =>
    fc.assert(property as fc.IAsyncProperty<[unknown]>, { numRuns: runs, seed, endOnFailure: true });

  it('attributes, secrets and permissions of any text', () =>
    check(
      fc.asyncProperty(junk, junk, junk, (attributes, secrets, permission) =>
        survives(attributes, secrets, permission),
      ),
    ));

  it('attributes whose values are anything', () =>
    check(
      fc.asyncProperty(fc.dictionary(names, fc.oneof(objects, fc.jsonValue())), (attributes) =>
        survives(JSON.stringify(attributes), 'null', '420'),
      ),
    ));

  it('classes whose objects are anything', () =>
    check(
      fc.asyncProperty(objects, fc.constantFrom(...dialectNames), async (text, dialect) => {
        const parameters = { roleName: 'app', connection: 'local', objects: text, secrets: text };
        await survives(requestOf(issuer, { parameters }).attributes, 'null', '420', dialect);
      }),
    ));

  it('names that are no text', async () => {
    for (const name of ['\\ud800', 'a\\udc00b']) {
      const parameters = {
        roleName: 'app',
        objects: `[{"objectName": "${name}", "secretPath": "secret/${name}", "oddKey": 1}]`,
      };
      const outcome = await keymount.mount('vault', requestOf(issuer, { parameters }));
      assertRefused(outcome, 'INVALID_ARGUMENT', 'class-invalid', 'objects[0]');
    }
  });

  it('bytes that are no protobuf, and calls that are none of ours', async () => {
    const bodies = fc.sample(fc.uint8Array({ maxLength: 200 }), { numRuns: runs, seed });
    for (const [index, body] of bodies.entries()) {
      const length = index % 5 === 0 ? index : body.length;
      const path = index % 7 === 0 ? '/v1alpha1.CSIDriverProvider/Unmount' : '/v1alpha1.CSIDriverProvider/Mount';
      await callRaw(keymount.socket('vault'), path, Buffer.concat([Buffer.from([index % 3, 0, 0, 0, length]), body]));
    }
    assert.deepEqual(texts(await keymount.mount('keymount', store.request)), { password: store.password });
  });

  it('bytes that are no HTTP/2', async () => {
    for (const bytes of fc.sample(fc.uint8Array({ maxLength: 500 }), { numRuns: 20, seed })) {
      await sendRaw(keymount.socket('vault'), Buffer.from(bytes));
      await sendRaw(keymount.socket('vault'), Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), bytes]));
      await sendRaw(
        keymount.socket('vault'),
        Buffer.from(`GET /${Buffer.from(bytes).toString('hex')} HTTP/1.1\r\n\r\n`),
      );
    }
    assert.deepEqual(texts(await keymount.mount('keymount', store.request)), { password: store.password });
  });

  it('a request that is larger than any class', async () => {
    const outcome = await keymount.mount('vault', { attributes: 'x'.repeat(5 * 2 ** 20), secrets: 'null' });
    assert.equal('code' in outcome && outcome.code, 'RESOURCE_EXHAUSTED');
    assert.deepEqual(texts(await keymount.mount('keymount', store.request)), { password: store.password });
  });

  it('and keymount is as it was', async () => {
    assert.ok(keymount.child.isRunning());
    assert.deepEqual(texts(await keymount.mount('vault', requestOf(issuer, { parameters: passwordClass }))), {
      password,
    });
    assert.equal(await keymount.metric('keymount_mounts_in_flight'), 0);
    assert.equal(await keymount.metric('keymount_mounts_total{dialect="vault",code="internal"}'), 0);
  });
});

import assert from 'node:assert/strict';
import { after, afterEach, before, it } from 'node:test';
import { texts } from '../lab/grpc-client.ts';
import { createTokenIssuer } from '../lab/pod-token.ts';
import { type FakeVault, hang, loginCall, secretCall, startFakeVault } from './fake-vault.ts';
import { type FileStore, makeFileStore } from './file-store.ts';
import { canaries, forEachBuild, type Keymount, startKeymount } from './keymount.ts';
import { assertRefused } from './messages.ts';
import { passwordClass, requestOf } from './requests.ts';
import { until } from './until.ts';

const issuer = createTokenIssuer();
const password = canaries.plant('the password');

forEachBuild('the bounds of keymount', (build) => {
  let vault: FakeVault;
  let store: FileStore;
  let keymount: Keymount;
  before(async () => {
    vault = await startFakeVault(canaries.plantToken('the Vault token', 'hvs.'), password);
    store = makeFileStore();
    const flags = ['--vault-addr', vault.address, '--limits-mounts', '3', '--limits-mount-timeout', '1s'];
    keymount = await startKeymount({ build, args: [...store.args, ...flags] });
  });
  afterEach(() => vault.reset());
  after(async () => {
    await keymount.stop();
    await vault.close();
  });
  const mountPassword = (options = {}) =>
    keymount.mount('vault', requestOf(issuer, { parameters: passwordClass }), options);
  const endsOf = (code: string) =>
    keymount.log().filter((line) => line['event'] === 'mount' && line['code'] === code).length;

  it('refuses more Mounts at once than it is allowed, on all sockets together, and only those', async () => {
    vault.on(secretCall, hang);
    const hanging = [mountPassword(), mountPassword(), mountPassword()];
    await until(() => vault.requests().length === 6);
    assert.equal(await keymount.metric('keymount_mounts_in_flight'), 3);
    assertRefused(
      await keymount.mount('keymount', store.request),
      'RESOURCE_EXHAUSTED',
      'too-many-mounts',
      'more than 3 Mounts',
    );
    for (const outcome of await Promise.all(hanging)) {
      assertRefused(
        outcome,
        'DEADLINE_EXCEEDED',
        'deadline-exceeded',
        'objects[0] "password" (line 1)',
        'still waiting for',
      );
    }
    assert.equal(await keymount.metric('keymount_mounts_in_flight'), 0);
    assert.deepEqual(texts(await keymount.mount('keymount', store.request)), { password: store.password });
  });

  it('mounts a large class, and tells the mistake of one, beside small ones', async () => {
    const objects = Array.from(
      { length: 700 },
      (_, index) => `- {objectName: o${index}, secretPath: secret/data/app, secretKey: password}`,
    );
    const mount = (list: string[]) =>
      keymount.mount('vault', requestOf(issuer, { parameters: { ...passwordClass, objects: list.join('\n') } }), {
        deadline: 5_000,
      });
    const [large, small, wrong] = await Promise.all([
      mount(objects),
      mountPassword(),
      mount([...objects, '- {objectName: x}']),
    ]);
    assert.equal(Object.keys(texts(large)).length, 700);
    assert.deepEqual(texts(small), { password });
    assertRefused(wrong, 'INVALID_ARGUMENT', 'class-invalid', 'objects[700].secretPath "x" (line 701)');
  });

  for (const [what, call] of [
    ['login', loginCall],
    ['read', secretCall],
  ] as const) {
    it(`aborts a ${what} when the driver's deadline passes`, async () => {
      vault.on(call, hang);
      const outcome = await mountPassword({ deadline: 300 });
      assert.equal('code' in outcome && outcome.code, 'DEADLINE_EXCEEDED');
      await until(() => vault.requests().at(-1)?.aborted === true);
      vault.reset();
      assert.deepEqual(texts(await mountPassword()), { password });
    });

    it(`aborts a ${what} when the driver gives the Mount up`, async () => {
      vault.on(call, hang);
      const cancelled = endsOf('cancelled');
      const driver = new AbortController();
      const mounting = mountPassword({ signal: driver.signal });
      const requests = call === loginCall ? 1 : 2;
      await until(() => vault.requests().length === requests);
      driver.abort();
      const outcome = await mounting;
      assert.equal('code' in outcome && outcome.code, 'CANCELLED');
      await until(() => vault.requests().at(-1)?.aborted === true);
      await until(() => endsOf('cancelled') === cancelled + 1);
      assert.equal(await keymount.metric('keymount_mounts_in_flight'), 0);
    });
  }

  it('refuses a volume that the driver could not take, and names the largest files', async () => {
    const sizes = {
      small: 10,
      large: 900_000,
      larger: 1_000_000,
      largest: 1_010_000,
      other: 800_000,
      another: 700_000,
    };
    for (const [name, size] of Object.entries(sizes)) store.put(name, 'x'.repeat(size));
    const outcome = await keymount.mount('keymount', store.requestOf(...Object.keys(sizes)));
    const message = assertRefused(outcome, 'RESOURCE_EXHAUSTED', 'response-too-large', '--max-call-recv-msg-size');
    assert.match(message, /largest \(1010000\), larger \(1000000\), large \(900000\)/);
    assert.doesNotMatch(message, /small|other/);
  });

  it('answers a volume just below that', async () => {
    const names = ['one', 'two', 'three', 'four'];
    for (const name of names) store.put(name, 'x'.repeat(1_010_000));
    const outcome = await keymount.mount('keymount', store.requestOf(...names));
    assert.deepEqual(
      Object.values(texts(outcome)).map((text) => text.length),
      names.map(() => 1_010_000),
    );
  });
});

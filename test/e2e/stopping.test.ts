import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { createConnection } from 'node:net';
import { after, before, beforeEach, it } from 'node:test';
import { texts } from '../lab/grpc-client.ts';
import { createTokenIssuer } from '../lab/pod-token.ts';
import { type FakeVault, hang, secretCall, startFakeVault } from './fake-vault.ts';
import { canaries, forEachBuild, socketsIn, startKeymount } from './keymount.ts';
import { assertRefused } from './messages.ts';
import { passwordClass, requestOf } from './requests.ts';
import { until } from './until.ts';

const issuer = createTokenIssuer();
const password = canaries.plant('the password');

forEachBuild('keymount that is asked to stop', (build) => {
  let vault: FakeVault;
  before(async () => {
    vault = await startFakeVault(canaries.plantToken('the Vault token', 'hvs.'), password);
  });
  beforeEach(() => vault.reset());
  after(() => vault.close());
  const start = (drain: string) =>
    startKeymount({ build, args: ['--vault-addr', vault.address, '--limits-drain-timeout', drain] });
  const request = () => requestOf(issuer, { parameters: passwordClass });

  it('takes its sockets away at once, and finishes the Mounts in flight', async () => {
    const keymount = await start('20s');
    const release = holdReads(vault);
    const mounting = [keymount.mount('vault', request()), keymount.mount('vault', request())];
    await until(() => release.held() === 2);
    keymount.child.signal('SIGTERM');
    await until(() => !existsSync(keymount.socket('vault')));
    assert.deepEqual(socketsIn(keymount.socketFolder), []);
    assert.ok(keymount.child.isRunning());
    release.go();
    for (const outcome of await Promise.all(mounting)) assert.deepEqual(texts(outcome), { password });
    assert.equal(await keymount.child.ended, 0);
    assert.deepEqual(
      keymount.log().flatMap(({ event, mounts }) => (event === 'stopping' ? [mounts] : [])),
      [2],
    );
  });

  it('gives Mounts up that take longer than the drain timeout', async () => {
    const keymount = await start('500ms');
    vault.on(secretCall, hang);
    const mounting = keymount.mount('vault', request());
    await until(() => vault.requests().length === 2);
    const asked = performance.now();
    keymount.child.signal('SIGTERM');
    // the driver tries that one code again, on the socket of whoever serves then
    assertRefused(await mounting, 'UNAVAILABLE', 'shutting-down', 'keymount was asked to stop');
    assert.equal(await keymount.child.ended, 0);
    const took = performance.now() - asked;
    assert.ok(took >= 450 && took < 3_000, `${took} ms`);
  });

  it('is not ready while it stops, and alive', async () => {
    const keymount = await start('20s');
    const release = holdReads(vault);
    const mounting = keymount.mount('vault', request());
    await until(() => release.held() === 1);
    keymount.child.signal('SIGTERM');
    await until(async () => (await keymount.get('/readyz')).status === 503);
    assert.deepEqual(await keymount.get('/readyz'), { status: 503, body: 'stopping\n' });
    assert.equal((await keymount.get('/livez')).status, 200);
    release.go();
    assert.deepEqual(texts(await mounting), { password });
    assert.equal(await keymount.child.ended, 0);
  });

  it('stops at SIGINT as well, whoever is connected, and a second signal changes nothing', async () => {
    const keymount = await start('1s');
    // one that says nothing, and one that begins and says no more
    for (const greeting of ['', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n']) {
      const socket = createConnection(keymount.socket('vault')).on('error', () => {});
      await once(socket, 'connect');
      socket.write(greeting);
    }
    const asked = performance.now();
    keymount.child.signal('SIGINT');
    keymount.child.signal('SIGTERM');
    assert.equal(await keymount.child.ended, 0);
    assert.ok(performance.now() - asked < 5_000);
    assert.deepEqual(readdirSync(keymount.socketFolder), []);
  });
});

/** Reads wait until they may go on. */
function holdReads(vault: FakeVault): { held: () => number; go: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  let held = 0;
  vault.on(secretCall, (response) => {
    held++;
    const body = JSON.stringify({ data: { data: { password }, metadata: { version: 1 } } });
    void promise.then(() => response.writeHead(200, { 'content-type': 'application/json' }).end(body));
  });
  return { held: () => held, go: resolve };
}

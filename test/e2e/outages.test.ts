import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { texts } from '../lab/grpc-client.ts';
import type { OpenBao } from '../lab/openbao.ts';
import { createTokenIssuer } from '../lab/pod-token.ts';
import { type LabProxy, startProxy } from '../lab/proxy.ts';
import { requires } from '../lab/tools.ts';
import { baoClass, object, startBao } from './bao.ts';
import { canaries, forEachBuild, type Keymount, startKeymount } from './keymount.ts';
import { assertRefused } from './messages.ts';
import { requestOf } from './requests.ts';

describe('an OpenBao that is not there', requires('bao'), () => {
  const issuer = createTokenIssuer();
  const password = canaries.plant('the password');
  let bao: OpenBao;
  let proxy: LabProxy;
  before(async () => {
    bao = await startBao(issuer, { durable: true });
    proxy = await startProxy(bao.address);
    await bao.putKv2('shop/db', { password });
  });
  after(async () => {
    await proxy.close();
    await bao.stop();
  });
  afterEach(() => proxy.faults());

  forEachBuild('and keymount', (build) => {
    let keymount: Keymount;
    before(async () => {
      const args = [
        '--vault-addr',
        proxy.address,
        '--vault-retries',
        '1',
        '--vault-timeout',
        '2s',
        '--refresh-interval',
        '0',
      ];
      keymount = await startKeymount({ build, args });
    });
    after(() => keymount.stop());
    const requestAt = (address: string) =>
      requestOf(issuer, { parameters: baoClass(address, [object('password', 'secret/data/shop/db', 'password')]) });
    const mountAt = (address: string) => keymount.mount('vault', requestAt(address));

    it('tells that it is sealed, and mounts when it is unsealed again', async () => {
      const known = requestAt(bao.address);
      assert.deepEqual(texts(await keymount.mount('vault', known)), { password });
      await bao.seal();
      for (const outcome of [await keymount.mount('vault', known), await mountAt(bao.address)]) {
        assertRefused(
          outcome,
          'FAILED_PRECONDITION',
          'backend-sealed',
          '"password" (line 1)',
          bao.address,
          'is sealed',
          'its operator',
        );
      }
      await bao.unseal();
      assert.deepEqual(texts(await keymount.mount('vault', known)), { password });
    });

    it('tells that it is stopped, and mounts when it is started again', async () => {
      await bao.stop();
      const [outcome, other] = [await mountAt(bao.address), await mountAt(bao.address)];
      const text = assertRefused(
        outcome,
        'UNAVAILABLE',
        'backend-unreachable',
        '"password"',
        `cannot reach ${bao.address}`,
        'connection refused',
      );
      assert.equal('code' in other && other.message, text);
      await bao.start();
      assert.deepEqual(texts(await mountAt(bao.address)), { password });
    });

    it('waits for one that is slow', async () => {
      proxy.faults({ delay: 300 });
      assert.deepEqual(texts(await mountAt(proxy.address)), { password });
    });

    it('gives up on one that takes too long, and says how long it waited', async () => {
      proxy.faults({ match: /^GET /, hang: true });
      const started = performance.now();
      assertRefused(
        await mountAt(proxy.address),
        'UNAVAILABLE',
        'backend-unreachable',
        '"password"',
        'no whole answer from',
        'within 2 s',
      );
      assert.ok(performance.now() - started < 3_500);
    });

    it('tries again where that can help', async () => {
      proxy.faults({ match: /^GET /, status: 503, times: 1 });
      assert.deepEqual(texts(await mountAt(proxy.address)), { password });
      proxy.faults({ match: /login$/, cutAfter: 10, times: 1 });
      assert.deepEqual(texts(await mountAt(proxy.address)), { password });
    });

    it('tells a server that is too busy by its status', async () => {
      proxy.faults({ match: /^GET /, status: 429 });
      assertRefused(
        await mountAt(proxy.address),
        'RESOURCE_EXHAUSTED',
        'backend-throttled',
        '"password"',
        '429',
        'the proxy of the test answered',
      );
    });

    it('does not ask a dead server for every pod, and finds it when it is back', async () => {
      await bao.stop();
      const end = performance.now() + 3_500;
      const known = requestAt(proxy.address);
      while (performance.now() < end)
        assertRefused(await keymount.mount('vault', known), 'UNAVAILABLE', 'backend-unreachable', '"password"');
      proxy.reset();
      await Promise.all(Array.from({ length: 20 }, () => mountAt(proxy.address)));
      assert.ok(proxy.count() < 5, `${proxy.count()} requests`);
      await bao.start();
      const started = performance.now();
      while ('code' in (await keymount.mount('vault', known))) assert.ok(performance.now() - started < 5_000);
    });
  });
});

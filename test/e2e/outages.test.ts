import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { texts } from '../lab/grpc-client.ts';
import type { OpenBao } from '../lab/openbao.ts';
import { createTokenIssuer } from '../lab/pod-token.ts';
import { type LabProxy, startProxy } from '../lab/proxy.ts';
import { requires } from '../lab/tools.ts';
import { baoClass, object, startBao } from './bao.ts';
import { canaries, forTheBundle, type Keymount, startKeymount } from './keymount.ts';
import { assertRefused } from './messages.ts';
import { requestOf } from './requests.ts';
import { until } from './until.ts';

describe('an OpenBao that is not there', requires('bao'), () => {
  const issuer = createTokenIssuer();
  const password = canaries.plant('the password');
  let bao: OpenBao;
  /** One that keeps its data over a restart. */
  let durable: OpenBao;
  let proxy: LabProxy;
  before(async () => {
    [bao, durable] = await Promise.all([startBao(issuer), startBao(issuer, { durable: true })]);
    proxy = await startProxy(bao.address);
    for (const each of [bao, durable]) await each.putKv2('shop/db', { password });
  });
  after(async () => {
    await proxy.close();
    await Promise.all([bao.stop(), durable.stop()]);
  });
  afterEach(() => proxy.faults());

  forTheBundle('and keymount', (build) => {
    let keymount: Keymount;
    before(async () => {
      const args = [
        '--vault-addr',
        proxy.address,
        '--vault-retries',
        '1',
        '--vault-timeout',
        '1s',
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

    it('waits for one that is slow', async () => {
      proxy.faults({ delay: 150 });
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
        'within 1 s',
      );
      assert.ok(performance.now() - started < 2_500);
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
      proxy.faults({ status: 502 });
      const end = performance.now() + 3_200;
      const known = requestAt(proxy.address);
      while (performance.now() < end) {
        assertRefused(await keymount.mount('vault', known), 'UNAVAILABLE', 'backend-unreachable', '"password"', '502');
      }
      proxy.reset();
      await Promise.all(Array.from({ length: 20 }, () => mountAt(proxy.address)));
      assert.ok(proxy.count() < 5, `${proxy.count()} requests`);
      proxy.faults();
      await until(async () => 'files' in (await keymount.mount('vault', known)));
    });

    it('tells that it is stopped, and mounts when it is started again', async () => {
      await durable.stop();
      const [outcome, other] = [await mountAt(durable.address), await mountAt(durable.address)];
      const text = assertRefused(
        outcome,
        'UNAVAILABLE',
        'backend-unreachable',
        '"password"',
        `cannot reach ${durable.address}`,
        'connection refused',
      );
      assert.equal('code' in other && other.message, text);
      await durable.start();
      assert.deepEqual(texts(await mountAt(durable.address)), { password });
    });
  });
});

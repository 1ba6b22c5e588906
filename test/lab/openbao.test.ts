import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { answers } from './http-json.ts';
import { type OpenBao, startOpenBao } from './openbao.ts';
import { enableJwtAuth, jwtRole, login } from './openbao-auth.ts';
import { aPod } from './pod.ts';
import { createTokenIssuer } from './pod-token.ts';
import { requires } from './tools.ts';

const issuer = createTokenIssuer();

describe('OpenBao in memory', requires('bao'), () => {
  let bao: OpenBao;

  before(async () => {
    bao = await startOpenBao({ defaultLeaseTtl: '1h' });
    await bao.mount('kv1', 'kv', { version: '1' });
    await bao.policy('shop', 'path "secret/data/shop/*" { capabilities = ["read"] }');
    await enableJwtAuth(bao, issuer);
    await jwtRole(bao, { name: 'shop', policies: ['shop'] });
    await jwtRole(bao, { name: 'short', policies: ['shop'], ttl: '1s' });
  });
  after(() => bao.stop());

  it('keeps KV v2 versions and KV v1 values', async () => {
    assert.deepEqual([await bao.putKv2('shop/db', { a: '1' }), await bao.putKv2('shop/db', { a: '2' })], [1, 2]);
    await bao.write('kv1/app', { b: '3' });
    const [v2, v1] = [await bao.read('secret/data/shop/db'), await bao.read('kv1/app')];
    assert.deepEqual([(v2['data'] as { data: object }).data, v1['data']], [{ a: '2' }, { b: '3' }]);
  });

  it('lets a pod token in, to what its role allows only', async () => {
    const token = await login(bao, 'jwt', 'shop', issuer.mint(aPod(), 'vault').token);
    await bao.putKv2('shop/db', { a: '1' });
    await bao.putKv2('other', { a: '1' });
    assert.equal((await bao.request('GET', 'secret/data/shop/db', { token })).status, 200);
    assert.equal((await bao.request('GET', 'secret/data/other', { token })).status, 403);
  });

  it('refuses tokens of another audience, key, issuer or time', async () => {
    const pod = aPod();
    for (const [name, jwt] of [
      ['audience', issuer.mint(pod, 'openbao').token],
      ['key', createTokenIssuer().mint(pod, 'vault').token],
      ['issuer', issuer.mint(pod, 'vault', { claims: { iss: 'https://elsewhere' } }).token],
      // the server allows for clocks that differ by some minutes
      ['time', issuer.mint(pod, 'vault', { ttl: 60, now: Date.now() - 3_600_000 }).token],
    ] as const) {
      await assert.rejects(login(bao, 'jwt', 'shop', jwt), /login with role shop: 400/, name);
    }
  });

  it('ends a role’s tokens at their TTL', async () => {
    const token = await login(bao, 'jwt', 'short', issuer.mint(aPod(), 'vault').token);
    assert.equal((await bao.request('GET', 'auth/token/lookup-self', { token })).status, 200);
    await delay(1_500);
    assert.equal((await bao.request('GET', 'auth/token/lookup-self', { token })).status, 403);
  });

  it('throws the server’s own words, and says nothing of what was written', async () => {
    await assert.rejects(bao.write('nowhere/x', { password: 'hush' }), (error: Error) => {
      return /^POST nowhere\/x: 404 .*no handler/.test(error.message) && !error.message.includes('hush');
    });
  });

  it('answers 503 while sealed', async () => {
    await bao.seal();
    assert.equal((await bao.request('GET', 'secret/data/shop/db')).status, 503);
    await bao.unseal();
    assert.equal((await bao.request('GET', 'secret/data/shop/db')).status, 200);
  });

  it('takes connections and answers nothing while paused', async () => {
    bao.pause();
    await assert.rejects(bao.request('GET', 'sys/health', { timeout: 200 }), /aborted/);
    bao.resume();
    assert.equal((await bao.request('GET', 'sys/health')).status, 200);
  });
});

describe('a durable OpenBao', requires('bao'), () => {
  it('refuses connections while stopped, and has its data and address after', async () => {
    const bao = await startOpenBao({ durable: true });
    await bao.putKv2('a', { b: '1' });
    const { address, pid } = bao;
    await bao.stop();
    assert.equal(await answers(`${address}/v1/sys/health`), false);
    await bao.start();
    assert.equal((await bao.request('GET', 'secret/data/a')).status, 200);
    assert.deepEqual([bao.address, bao.pid === pid], [address, false]);
    await bao.stop();
  });
});

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { vaultConnectionSchema } from '../../../../provider/backends/vault/connection.ts';
import { createVaultBackend } from '../../../../provider/backends/vault/index.ts';
import { createTransport } from '../../../../provider/backends/vault/transport.ts';
import { formatError, KeymountError } from '../../../../provider/errors.ts';
import type { Pools } from '../../../../provider/net/pools.ts';
import type { Source } from '../../../../provider/plan/plan.ts';
import { errorOf, sourceOf } from '../../../backends/contract.ts';
import { type FakeVault, fakeLogin, fakeToken, quickDeps, startFakeVault } from './fake-vault.ts';

const never = new AbortController().signal;
const ok = { body: { data: { k: 'v' } } };

describe('requests to Vault', () => {
  let vault: FakeVault;
  let other: FakeVault;

  before(async () => {
    [vault, other] = [await startFakeVault(), await startFakeVault()];
  });
  after(() => Promise.all([vault.close(), other.close()]));

  async function session(settings: Record<string, unknown> = {}, answer: FakeVault['answer'] = () => undefined) {
    vault.answer = (asked) => (asked.url.endsWith('/login') ? undefined : answer(asked));
    other.answer = answer;
    const backend = createVaultBackend('vault');
    const connection = backend.connectionSchema.parse({ address: vault.address, ...settings });
    const open = await backend.connect(connection, fakeLogin(), quickDeps, never);
    vault.asked.length = 0;
    other.asked.length = 0;
    return async (address: string, more: Partial<Source> = {}) =>
      (await Promise.allSettled(open.read([backend.parseRef(sourceOf(address, more))], never)))[0];
  }
  const failing = async (settings: Record<string, unknown>, answer: FakeVault['answer']) =>
    formatError(errorOf(await (await session(settings, answer))('/v1/s/a')));

  it('carry the token, the namespace and X-Vault-Request, and the path as it is', async () => {
    const read = await session({ namespace: 'team/a' }, () => ok);
    await read('/v1/s/a%20b?version=2');
    const [{ method, url, headers } = assert.fail()] = vault.asked;
    assert.deepEqual([method, url], ['GET', '/v1/s/a%20b?version=2']);
    assert.equal(headers['x-vault-token'], fakeToken);
    assert.equal(headers['x-vault-namespace'], 'team/a');
    assert.equal(headers['x-vault-request'], 'true');
    assert.equal(headers['content-length'], undefined);
  });

  it('carry arguments as JSON, with their digits', async () => {
    const read = await session({}, () => ok);
    const args = { a: 'b', n: JSON.parse('1') };
    await read('/v1/pki/issue/web', { request: { method: 'PUT', args } });
    await read('/v1/pki/issue/web', { request: { method: 'POST' } });
    assert.deepEqual(
      vault.asked.map(({ method, body, headers }) => [method, body, headers['content-type']]),
      [
        ['PUT', '{"a":"b","n":1}', 'application/json'],
        ['POST', '', undefined],
      ],
    );
  });

  it('know nothing of the VAULT_* environment', async () => {
    const names = ['VAULT_ADDR', 'VAULT_TOKEN', 'VAULT_NAMESPACE', 'VAULT_PREFIX'];
    for (const name of names) process.env[name] = '/from-the-environment';
    try {
      vault.asked.length = 0;
      const backend = createVaultBackend('vault');
      vault.answer = (asked) => (asked.url.endsWith('/login') ? undefined : ok);
      await backend.connect(backend.connectionSchema.parse({ address: vault.address }), fakeLogin(), quickDeps, never);
      const [{ url, headers } = assert.fail()] = vault.asked;
      assert.equal(url, '/v1/auth/kubernetes/login');
      assert.equal(headers['x-vault-token'], undefined);
      assert.equal(headers['x-vault-namespace'], undefined);
    } finally {
      for (const name of names) delete process.env[name];
    }
  });

  it('follow one redirect within the same server, with method, body and token', async () => {
    for (const status of [301, 302, 307, 308]) {
      const read = await session({}, ({ url }) =>
        url === '/v1/pki/issue/web' ? { status, headers: { location: '/v1/elsewhere?x=1' } } : ok,
      );
      const result = await read('/v1/pki/issue/web', { request: { method: 'PUT', args: { a: 'b' } } });
      assert.equal(result?.status, 'fulfilled');
      const [, second] = vault.asked;
      assert.deepEqual([second?.method, second?.url, second?.body], ['PUT', '/v1/elsewhere?x=1', '{"a":"b"}']);
      assert.equal(second?.headers['x-vault-token'], fakeToken);
    }
  });

  it('follow a redirect to another address only where the connection allows it', async () => {
    const toOther: FakeVault['answer'] = ({ headers }) =>
      other.address.endsWith(headers.host ?? '?')
        ? ok
        : { status: 307, headers: { location: `${other.address}/v1/s/a` } };
    assert.match(
      await failing({}, toOther),
      /will not follow the redirect.*to another host.*allowedAddresses.*\[backend-redirect\]/,
    );
    assert.equal(other.asked.length, 0);
    const read = await session({ allowedAddresses: [other.address] }, toOther);
    assert.equal((await read('/v1/s/a'))?.status, 'fulfilled');
    assert.equal(other.asked.length, 1);
  });

  it('do not follow a second redirect, nor one to nowhere', async () => {
    assert.match(
      await failing({}, () => ({ status: 302, headers: { location: '/v1/s/a' } })),
      /redirects more than once.*\[backend-redirect\]/,
    );
    assert.equal(vault.asked.length, 2);
    for (const headers of [{}, { location: 'http://' }, { location: 'mailto:x@y' }]) {
      assert.match(await failing({}, () => ({ status: 307, headers })), /\[backend-redirect\]/);
    }
  });

  it('do not take a login to another host either', async () => {
    const backend = createVaultBackend('vault');
    vault.answer = () => ({ status: 307, headers: { location: `${other.address}/v1/auth/kubernetes/login` } });
    other.asked.length = 0;
    const connection = backend.connectionSchema.parse({ address: vault.address });
    await assert.rejects(
      backend.connect(connection, fakeLogin(), quickDeps, never),
      (thrown) => thrown instanceof KeymountError && thrown.code === 'backend-redirect',
    );
    assert.equal(other.asked.length, 0);
  });

  it('have the time that the connection gives, but renewals ten seconds at most', async () => {
    const times: [string, number][] = [];
    const pools = {
      get: () => ({
        exchange: async ({ path }: { path: string }, { timeout }: { timeout: number }) => {
          times.push([path, timeout]);
          return { reply: { status: 200, headers: {}, body: Buffer.from('{}') } };
        },
      }),
    } as unknown as Pools;
    for (const timeout of ['1m', '3s']) {
      const connection = vaultConnectionSchema('vault').parse({ address: vault.address, timeout });
      const send = createTransport(connection, pools, quickDeps);
      for (const uri of ['/v1/azure/creds/app', '/v1/sys/leases/renew', '/v1/auth/token/renew-self'])
        await send({ uri, method: 'POST', headers: {}, signal: never });
    }
    assert.deepEqual(times, [
      ['/v1/azure/creds/app', 60_000],
      ['/v1/sys/leases/renew', 10_000],
      ['/v1/auth/token/renew-self', 10_000],
      ['/v1/azure/creds/app', 3_000],
      ['/v1/sys/leases/renew', 3_000],
      ['/v1/auth/token/renew-self', 3_000],
    ]);
  });

  it('read no more than the limit', async () => {
    const backend = createVaultBackend('vault');
    vault.answer = (asked) => (asked.url.endsWith('/login') ? undefined : { body: { data: { k: 'x'.repeat(5000) } } });
    const connection = backend.connectionSchema.parse({ address: vault.address });
    const open = await backend.connect(connection, fakeLogin(), { ...quickDeps, replyBytes: 4000 }, never);
    const [result] = await Promise.allSettled(open.read([backend.parseRef(sourceOf('/v1/s/a'))], never));
    assert.match(formatError(errorOf(result)), /is larger than 4000 bytes; the admin can raise limits\.replyBytes/);
  });

  describe('that may issue something', () => {
    const issue = { request: { method: 'PUT' } };
    const issuing = async (
      answer: FakeVault['answer'],
      address = '/v1/pki/issue/web',
      more: Partial<Source> = issue,
    ) => {
      const result = await (await session({ retries: 2 }, answer))(address, more);
      const { length } = vault.asked;
      return { length, text: result?.status === 'fulfilled' ? 'ok' : formatError(errorOf(result)) };
    };

    for (const status of [500, 502, 504]) {
      it(`are sent once where the answer is ${status}`, async () => {
        const { length, text } = await issuing(() => ({ status, body: { errors: ['no'] } }));
        assert.equal(length, 1);
        assert.match(text, /nobody knows whether writing to pki\/issue\/web issued something: .*\[issue-uncertain\]/);
      });
    }

    it('are reads of engines that issue as well', async () => {
      const { length, text } = await issuing(() => ({ status: 500 }), '/v1/database/creds/app', {});
      assert.equal(length, 1);
      assert.match(text, /whether reading database\/creds\/app issued.*\[issue-uncertain\]/);
    });

    it('are repeated where the server surely did nothing', async () => {
      for (const answer of [
        { status: 412 },
        { status: 429 },
        { status: 503, body: { errors: ['Vault is sealed'] } },
        { status: 503, body: { errors: ['node not active'] } },
      ]) {
        let first = true;
        const result = await issuing(() => {
          const now = first ? answer : ok;
          first = false;
          return now;
        });
        assert.deepEqual(result, { length: 2, text: 'ok' }, JSON.stringify(answer));
      }
    });

    it('say what a 4xx says', async () => {
      const { length, text } = await issuing(() => ({ status: 400, body: { errors: ['no such role'] } }));
      assert.equal(length, 1);
      assert.match(text, /no such role.*\[backend-rejected\]/);
    });

    it('never go over a connection that was used before, which may break with them on it', async () => {
      const read = await session({}, () => ok);
      await read('/v1/s/a');
      await read('/v1/pki/issue/web', issue);
      await read('/v1/s/a');
      const [before, issued, after] = vault.asked;
      assert.equal(before?.port, after?.port);
      assert.notEqual(issued?.port, before?.port);
      assert.equal(issued?.headers.connection, 'close');
    });

    it('are sent again where nothing issues: the same answers to other requests', async () => {
      for (const [address, more] of [
        ['/v1/transit/encrypt/app', issue],
        ['/v1/secret/data/app', {}],
      ] as const) {
        assert.equal((await issuing(() => ({ status: 500 }), address, more)).length, 3, address);
      }
    });
  });
});

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Session } from '../../../../provider/backends/backend.ts';
import { createVaultBackend } from '../../../../provider/backends/vault/index.ts';
import type { VaultRef } from '../../../../provider/backends/vault/ref.ts';
import { Uses } from '../../../../provider/backends/vault/uses.ts';
import { formatError } from '../../../../provider/errors.ts';
import { type JsonObject, parseJson } from '../../../../provider/util/json.ts';
import { errorOf, sourceOf } from '../../../backends/contract.ts';
import { gate } from '../../sessions/fake-store.ts';
import {
  type Answer,
  type FakeVault,
  fakeLogin,
  fakeToken,
  kubernetesMetadata,
  quickDeps,
  startFakeVault,
} from './fake-vault.ts';

const never = new AbortController().signal;

describe('the uses of a token', () => {
  const use = (uses: Uses, more: () => Promise<void> = async () => {}) =>
    uses.run(async () => {
      await more();
      return 'done';
    });

  it('are all there for reads while no lease hangs on it', async () => {
    const uses = new Uses(2);
    assert.deepEqual([await use(uses), await use(uses), await use(uses)], ['done', 'done', undefined]);
  });

  it('are not counted where there is no limit', async () => {
    const uses = new Uses(0);
    uses.leased();
    for (let count = 0; count < 1_000; count++) assert.equal(await use(uses), 'done');
    assert.deepEqual([uses.isLimited, uses.limit, uses.spare], [false, undefined, Number.POSITIVE_INFINITY]);
  });

  it('are kept back but for one once a lease hangs on it, however many leases there are', async () => {
    const uses = new Uses(4);
    await use(uses, async () => uses.leased());
    await use(uses, async () => uses.leased());
    assert.equal(uses.spare, 1);
    assert.deepEqual([await use(uses), await use(uses)], ['done', undefined]);
  });

  it('go to nobody, as far as the last one is concerned, while an answer may bring a lease', async () => {
    for (const bringsLease of [true, false]) {
      const uses = new Uses(2);
      const answer = gate();
      const first = use(uses, async () => {
        await answer.opened;
        if (bringsLease) uses.leased();
      });
      const others = [use(uses), use(uses)];
      answer.open();
      await first;
      assert.deepEqual(await Promise.all(others), [bringsLease ? undefined : 'done', undefined]);
    }
  });

  it('are taken by tries that may have come to the server, and not by those that did not', async () => {
    const uses = new Uses(3);
    const tried = await uses.run(async ({ again, unsent }) => {
      unsent();
      return [again(), again(), again(), again()];
    });
    assert.deepEqual(tried, [true, true, true, false]);
  });

  it('are only what was kept back where another process had the token', async () => {
    const uses = Uses.resumed(7);
    assert.deepEqual([uses.limit, uses.spare, await use(uses)], [7, 0, undefined]);
    assert.equal(Uses.resumed(0).isLimited, false);
  });
});

describe('a session whose token has few uses', () => {
  let vault: FakeVault;
  let answers: Answer[];
  const backend = createVaultBackend('vault');
  beforeEach(async () => {
    answers = [];
    vault = await startFakeVault(({ url }) => (url.endsWith('/login') ? login(3) : answers.shift()));
  });
  afterEach(() => vault.close().catch(() => {}));
  const login = (uses: number): Answer => ({
    body: {
      auth: {
        client_token: fakeToken,
        lease_duration: 3600,
        renewable: true,
        num_uses: uses,
        metadata: kubernetesMetadata('uid-sa'),
      },
    },
  });
  const found: Answer = { body: { data: { k: 'v' } } };
  const leased: Answer = { body: { data: { k: 'v' }, lease_id: 'db/1', lease_duration: 60, renewable: true } };
  const connect = () =>
    backend.connect(backend.connectionSchema.parse({ address: vault.address }), fakeLogin(), quickDeps, never);
  const read = async (session: Session<VaultRef>) =>
    (await Promise.allSettled(session.read([backend.parseRef(sourceOf('/v1/s/a'))], never)))[0];
  const asked = () => vault.asked.length - 1;

  it('is the pod’s alone, and spends nothing on what may be shared or on a hint', async () => {
    const session = await connect();
    assert.equal(session.serviceAccountUid, undefined);
    assert.equal(await session.isShareable(backend.parseRef(sourceOf('/v1/secret/data/a')), never), false);
    assert.equal(asked(), 0);
    answers.push({ status: 404, body: { errors: [] } });
    assert.match(formatError(errorOf(await read(session))), /^there is nothing at s\/a/);
    assert.equal(asked(), 1);
    assert.equal(session.uses?.spare, 2);
  });

  it('counts each try, and sends nothing when none is left', async () => {
    const session = await connect();
    answers.push({ status: 500, body: { errors: ['x'] } }, { status: 500, body: { errors: ['x'] } }, found);
    assert.equal((await read(session))?.status, 'fulfilled');
    assert.equal(asked(), 3);
    assert.equal(
      formatError(errorOf(await read(session))),
      'reading s/a as role "web" takes one more use of the token than it has left; the role has token_num_uses: 3, set token_num_uses: 0 or more than all that the class reads [token-used-up]',
    );
    assert.equal(asked(), 3);
    assert.equal(session.isAuthorityLost(errorOf(await read(session))), true);
  });

  it('tries no more often than there are uses, and keeps one where a lease is', async () => {
    const session = await connect();
    answers.push(leased, { status: 500, body: { errors: ['down'] } }, found);
    const first = await read(session);
    assert.equal(first?.status === 'fulfilled' && first.value.lease?.renewable, false);
    assert.match(formatError(errorOf(await read(session))), /500 down/);
    assert.equal(asked(), 2);
  });

  it('loses no use to a server that is not there', async () => {
    const session = await connect();
    await vault.close();
    assert.match(formatError(errorOf(await read(session))), /connection refused/);
    assert.equal(session.uses?.spare, 3);
  });

  it('renews neither itself nor a lease, and says so in what is stored of it', async () => {
    const { tenure } = await connect();
    assert.deepEqual([tenure?.renewable, tenure?.isLimited], [false, true]);
    await assert.rejects(async () => await tenure?.renew(undefined, never), /would use the token up/);
    assert.equal(asked(), 0);
    const resumed = await backend.resume?.(
      backend.connectionSchema.parse({ address: vault.address }),
      parseJson(JSON.stringify(tenure?.toState())) as JsonObject,
      quickDeps,
    );
    assert.deepEqual([resumed?.uses?.limit, resumed?.uses?.spare], [3, 0]);
  });

  it('is one from the renewal on that says so', async () => {
    vault.answer = ({ url }) => login(url.endsWith('/login') ? 0 : 5);
    const session = await connect();
    const { tenure } = session;
    assert.equal(tenure?.renewable, true);
    assert.deepEqual(await tenure.renew(undefined, never), { duration: 3600, renewable: false });
    assert.deepEqual([tenure.renewable, tenure.isLimited, session.uses?.spare], [false, true, 4]);
  });
});

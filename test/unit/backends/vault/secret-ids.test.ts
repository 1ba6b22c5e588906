import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { BackendDeps, Identity, Login } from '../../../../provider/backends/backend.ts';
import { createVaultBackend } from '../../../../provider/backends/vault/index.ts';
import { inlineConnection } from '../../../../provider/backends/vault/inline.ts';
import { formatError, KeymountError } from '../../../../provider/errors.ts';
import { SecretString } from '../../../../provider/util/secret-string.ts';
import { until } from '../../../e2e/until.ts';
import { gate } from '../../sessions/fake-store.ts';
import { adminOf, type FakeVault, fakeLogin, quickDeps, startFakeVault } from './fake-vault.ts';

const never = new AbortController().signal;
const backend = createVaultBackend('vault');

/** A server with AppRole whose wrapping tokens open once, and say then what secret id they held. */
async function startAppRole(): Promise<FakeVault & { readonly opened: string[]; readonly shown: string[] }> {
  const opened: string[] = [];
  const shown: string[] = [];
  const vault = await startFakeVault(({ url, headers, body }) => {
    if (url.endsWith('/login')) {
      const { secret_id } = JSON.parse(body) as { secret_id: string };
      shown.push(secret_id);
      return secret_id.startsWith('id of ') ? undefined : { status: 400, body: { errors: ['invalid secret id'] } };
    }
    const token = String(headers['x-vault-token']);
    if (opened.includes(token)) return { status: 400, body: { errors: ['wrapping token is not valid'] } };
    opened.push(token);
    return { body: { data: { secret_id: `id of ${token}` } } };
  });
  return Object.assign(vault, { opened, shown });
}

describe('a secret id that came wrapped', () => {
  let vault: Awaited<ReturnType<typeof startAppRole>>;
  let other: Awaited<ReturnType<typeof startAppRole>>;
  let deps: BackendDeps;
  let last = 0;
  let token: string;

  before(async () => {
    [vault, other] = await Promise.all([startAppRole(), startAppRole()]);
  });
  after(() => Promise.all([vault.close(), other.close()]));
  beforeEach(() => {
    deps = { ...quickDeps };
    token = `hvs.wrapping-token-${++last}-0123456789`;
    for (const each of [vault, other]) for (const list of [each.asked, each.opened, each.shown]) list.length = 0;
  });

  const proven: Identity = { ...fakeLogin().identity, serviceAccountUid: 'sa-1', proven: true };
  const unproven: Identity = fakeLogin().identity;
  const secretOf = (entries: Record<string, string>) =>
    new Map(Object.entries(entries).map(([name, value]) => [name, new SecretString(value)]));
  const loginOf = (identity: Identity, secret: Record<string, string> = {}, more: Partial<Login> = {}) =>
    fakeLogin({ identity, publishSecrets: secretOf({ role_id: 'r', secret_id: token, ...secret }), ...more });
  const logIn = (login: Login, settings: Record<string, unknown> = {}, at: BackendDeps = deps, signal = never) =>
    backend.connect(
      backend.connectionSchema.parse({ address: vault.address, auth: { method: 'approle' }, ...settings }),
      login,
      at,
      signal,
    );
  async function refused(...args: Parameters<typeof logIn>): Promise<void> {
    const [result] = await Promise.allSettled([logIn(...args)]);
    assert.ok(result?.status === 'rejected' && result.reason instanceof KeymountError, 'it was logged in');
    const text = formatError(result.reason);
    assert.match(text, /^the wrapped secret id could not be unwrapped: .*\[login-denied\]$/);
    assert.ok(!text.includes(token), text);
  }
  const unwraps = () => vault.asked.filter(({ url }) => url === '/v1/sys/wrapping/unwrap').length;

  for (const [what, identity] of Object.entries({ proven, 'not proven': unproven })) {
    it(`is opened once for a pod that is ${what}, whose logins are as many as it takes`, async () => {
      for (let login = 0; login < 3; login++) await logIn(loginOf(identity));
      assert.equal(unwraps(), 1);
      assert.deepEqual(vault.shown, Array(3).fill(`id of ${token}`));
    });

    it(`is opened once where two Mounts of a pod that is ${what} come at once`, async () => {
      await Promise.all([logIn(loginOf(identity)), logIn(loginOf(identity)), logIn(loginOf(identity))]);
      assert.deepEqual([unwraps(), vault.shown.length], [1, 3]);
    });

    it(`is given to no other pod than one that is ${what}`, async () => {
      await logIn(loginOf(identity));
      const others: Partial<Identity>[] = [
        { namespace: 'evil' },
        { podUid: 'uid-2' },
        { pod: 'web-2' },
        { serviceAccount: 'admin' },
        { serviceAccountUid: 'sa-2' },
        { namespace: 'evil', podUid: 'uid-2', pod: 'evil-1' },
      ];
      for (const parts of others) {
        const isSame = !identity.proven && parts.serviceAccountUid !== undefined;
        if (!isSame) await refused(loginOf({ ...identity, ...parts }));
        await refused(loginOf({ ...proven, serviceAccountUid: 'sa-3', ...parts, podUid: 'uid-3' }));
      }
      assert.equal(vault.shown.length, 1);
    });
  }

  it('is not given to a pod that is not proven, if a proven one opened it', async () => {
    await logIn(loginOf(proven));
    await refused(loginOf(unproven));
    assert.equal(vault.shown.length, 1);
  });

  it('stays that of a pod that is proven later', async () => {
    await logIn(loginOf(unproven));
    await logIn(loginOf(proven));
    await refused(loginOf({ ...proven, podUid: 'uid-2' }));
    await refused(loginOf(proven, { more: 'another Secret' }));
    assert.equal(vault.shown.length, 2);
  });

  it('is given to a pod that is not proven for the very same Secret alone', async () => {
    await logIn(loginOf(unproven));
    for (const secret of [{ role_id: 'other' }, { more: 'x' }, { more: '' }]) await refused(loginOf(unproven, secret));
    await logIn(loginOf(unproven));
    assert.equal(vault.shown.length, 2);
  });

  it('is neither kept for nor given to who shows a valid token of somebody else', async () => {
    const thief: Identity = { ...unproven, mismatch: true };
    await logIn(loginOf(thief));
    await refused(loginOf(thief));
    await refused(loginOf(unproven));
    token = `${token}-2`;
    await logIn(loginOf(unproven));
    await refused(loginOf(thief));
  });

  it('is sent to no other server', async () => {
    await logIn(loginOf(proven));
    await logIn(loginOf(proven), { address: other.address });
    // The other server is asked to open the token, and says what it likes.
    assert.deepEqual([vault.shown.length, other.opened, other.shown], [1, [token], [`id of ${token}`]]);
  });

  it('is sent to no address that a class chose, where another class had it opened by the admin’s', async () => {
    const tls = { ca: undefined, caDir: undefined, serverName: undefined, cert: undefined, key: undefined };
    const admin = adminOf(
      {
        ...{ address: vault.address, namespace: undefined, authMount: 'kubernetes', audience: 'vault', audiences: [] },
        ...{ tls: { ...tls, skipVerify: false }, allowedAddresses: undefined },
        ...{ timeout: 1000, retries: 0, maxConcurrent: 4, proxy: undefined },
      },
      undefined,
    );
    const asked: string[] = [];
    const evil = await startFakeVault(({ url, body }) => {
      asked.push(`${url} ${body}`);
      return { status: 400, body: { errors: ['no'] } };
    });
    try {
      await backend.connect(inlineConnection({}, 'vault', admin), loginOf(proven), deps, never);
      const chosen = inlineConnection({ address: evil.address }, 'vault', admin);
      await assert.rejects(backend.connect(chosen, loginOf(proven), deps, never), { code: 'login-denied' });
      assert.deepEqual(asked, ['/v1/sys/wrapping/unwrap ']);
      // Another class of the same pod for the same place needs no other token.
      await backend.connect(inlineConnection({}, 'vault', admin), loginOf(proven), deps, never);
    } finally {
      await evil.close();
    }
  });

  it('is sent over no other namespace, mount, proxy or trust', async () => {
    await logIn(loginOf(proven));
    for (const settings of [
      { namespace: 'team' },
      { auth: { method: 'approle', mount: 'team/approle' } },
      { tls: { skipVerify: true } },
      { tls: { serverName: 'vault.example' } },
      { tls: { ca: '/etc/ca.pem' } },
    ]) {
      await refused(loginOf(proven), settings);
    }
    // What stands for the proxy here is asked to open the token, and shown what it says itself.
    await logIn(loginOf(proven), { proxy: other.address });
    assert.deepEqual([vault.shown.length, other.opened], [1, [token]]);
    await logIn(loginOf(proven), { timeout: '7s', retries: 1, maxConcurrent: 3 });
  });

  it('is not lost with the Mount that gave up while it was opened', async () => {
    const { answer } = vault;
    const { opened, open } = gate();
    try {
      vault.answer = (asked) => opened.then(() => answer(asked));
      const controller = new AbortController();
      const first = logIn(loginOf(proven), {}, deps, controller.signal);
      await until(() => unwraps() === 1);
      controller.abort(new KeymountError('cancelled', 'the Mount was cancelled'));
      await assert.rejects(first, /the Mount was cancelled/);
      const second = logIn(loginOf(proven));
      open();
      await second;
      assert.deepEqual([unwraps(), vault.shown.length], [1, 1]);
    } finally {
      open();
      vault.answer = answer;
    }
  });

  it('is opened again where that failed, and an answer without one is an error', async () => {
    const { answer } = vault;
    try {
      for (const body of [{}, { data: null }, { data: { secret_id: 7 } }, 'null']) {
        vault.answer = () => ({ body });
        await assert.rejects(logIn(loginOf(proven)), { code: 'login-failed' });
      }
    } finally {
      vault.answer = answer;
    }
    await logIn(loginOf(proven));
  });

  it('is forgotten with its pod alone, proven or not', async () => {
    const [mine, theirs] = [token, `${token}-2`];
    const neighbour: Identity = { ...proven, pod: 'web-2', podUid: 'uid-2' };
    let told = 0;
    const untilPodEnds = () => void told++;
    await logIn(loginOf(proven, {}, { untilPodEnds }));
    await logIn(loginOf(neighbour, { secret_id: theirs }, { untilPodEnds }));
    await logIn(loginOf(neighbour, { secret_id: theirs }, { untilPodEnds }));
    assert.equal(told, 2, 'once for each that is kept');
    backend.forgetPod?.('uid-1', deps);
    await refused(loginOf(proven, { secret_id: mine }));
    await logIn(loginOf(neighbour, { secret_id: theirs }));
    token = `${token}-3`;
    await logIn(loginOf(unproven));
    backend.forgetPod?.('uid-1', deps);
    await refused(loginOf(unproven));
  });

  it('is that of one process alone', async () => {
    await logIn(loginOf(proven));
    await refused(loginOf(proven), {}, { ...quickDeps });
    backend.forgetPod?.('uid-1', { ...quickDeps });
    await logIn(loginOf(proven));
  });

  it('is pushed out by others of its pod alone, of which 16 are kept', async () => {
    const neighbour: Identity = { ...proven, podUid: 'uid-2' };
    await logIn(loginOf(neighbour, { secret_id: `${token}-n` }));
    for (let index = 0; index < 17; index++) await logIn(loginOf(proven, { secret_id: `${token}-${index}` }));
    await refused(loginOf(proven, { secret_id: `${token}-0` }));
    for (const index of [1, 16]) await logIn(loginOf(proven, { secret_id: `${token}-${index}` }));
    await logIn(loginOf(neighbour, { secret_id: `${token}-n` }));
  });

  it('is kept for as long as its pod logs in, and not for a pod of which nothing was heard for a week', async () => {
    let now = 1_000_000;
    const at = { ...deps, clock: { ...deps.clock, now: () => now } };
    const day = 86_400_000;
    await logIn(loginOf(proven), {}, at);
    for (let days = 0; days < 20; days += 5) {
      now += 5 * day;
      await logIn(loginOf(proven), {}, at);
    }
    now += 7 * day + 1;
    await refused(loginOf(proven), {}, at);
  });
});

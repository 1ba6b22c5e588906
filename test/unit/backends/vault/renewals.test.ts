import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { Session, Tenure } from '../../../../provider/backends/backend.ts';
import { createVaultBackend } from '../../../../provider/backends/vault/index.ts';
import type { VaultRef } from '../../../../provider/backends/vault/ref.ts';
import { formatError, toKeymountError } from '../../../../provider/errors.ts';
import { type JsonObject, parseJson } from '../../../../provider/util/json.ts';
import { SecretString } from '../../../../provider/util/secret-string.ts';
import { aPod } from '../../../lab/pod.ts';
import { createTokenIssuer } from '../../../lab/pod-token.ts';
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
const issuer = createTokenIssuer();

/** As OpenBao 2.7.2 was seen to answer `auth/token/renew-self`. */
const refusals = {
  expired: '1 error occurred:\n\t* failed to renew entry: invalid expiration time (exp) claim: token is expired\n\n',
  unseen:
    '1 error occurred:\n\t* failed to renew entry: failed to validate token and secret still exist for "web" during renewal: permission denied\n\n',
  policy: '1 error occurred:\n\t* permission denied\n\n',
  unknown: 'permission denied',
};

describe('the renewal of a Vault token', () => {
  const backend = createVaultBackend('vault');
  let vault: FakeVault;
  let metadata: object;
  let renewal: Answer;
  let asked: unknown[];

  before(async () => {
    vault = await startFakeVault();
  });
  after(() => vault.close());
  beforeEach(() => {
    metadata = kubernetesMetadata('uid-sa');
    renewal = { body: { auth: { lease_duration: 1200, renewable: true } } };
    asked = [];
    vault.answer = ({ url }) => {
      if (!url.endsWith('/login')) return renewal;
      return { body: { auth: { client_token: fakeToken, lease_duration: 1200, renewable: true, metadata } } };
    };
  });

  const connection = (auth?: object) =>
    backend.connectionSchema.parse({ address: vault.address, ...(auth && { auth }) });

  /** Through a login with a ServiceAccount token that lives for so many seconds. */
  async function logIn(seconds: number, auth?: object): Promise<Session<VaultRef> & { tenure: Tenure }> {
    const login = fakeLogin({
      token: async (_audience, _signal, options) => {
        asked.push(options);
        return new SecretString(issuer.mint(aPod(), 'vault', { ttl: seconds }).token);
      },
    });
    const session = await backend.connect(connection(auth), login, quickDeps, never);
    assert.ok(session.tenure);
    return session as Session<VaultRef> & { tenure: Tenure };
  }

  const refused = (text: string) => {
    renewal = { status: 403, body: { errors: [text] } };
  };
  const failureOf = async ({ tenure }: { tenure: Tenure }) =>
    toKeymountError(
      await tenure.renew(undefined, never).then(
        () => new Error('it was renewed'),
        (thrown) => thrown,
      ),
    );

  it('may end with the login of the kubernetes method, for which a lasting token is asked', async () => {
    const { tenure } = await logIn(600);
    assert.ok(Math.abs((tenure.loginEnds ?? 0) - Date.now() - 600_000) < 5_000);
    assert.deepEqual(asked, [{ lasting: true }]);
  });

  for (const [name, prepare] of Object.entries({
    'of the jwt method': () => [{ method: 'jwt', mount: 'jwt' }, {}],
    'of a jwt mount that a class names': () => [undefined, { role: 'web', service_account_name: 'web' }],
  })) {
    it(`does not end with the login ${name}`, async () => {
      const [auth, told] = prepare();
      metadata = told as object;
      assert.equal((await logIn(600, auth as object | undefined)).tenure.loginEnds, undefined);
    });
  }

  it('says that the login has ended, in the words of the server', async () => {
    const { tenure } = await logIn(600);
    refused(refusals.expired);
    assert.equal(await tenure.renew(undefined, never), 'login-ended');
  });

  it('says so of a login that ended by the time of this machine, whatever else is the matter', async () => {
    const { tenure } = await logIn(-1);
    refused(refusals.unseen);
    assert.equal(await tenure.renew(undefined, never), 'login-ended');
  });

  it('is tried again where the server could not ask Kubernetes', async () => {
    const session = await logIn(600);
    refused(refusals.unseen);
    const error = await failureOf(session);
    assert.deepEqual([error.code, error.retryable], ['backend-unreachable', true]);
    assert.match(
      formatError(error),
      /could not look at the login of a token, renewing: .*still exist for "web" during renewal/,
    );
  });

  it('is another thing than a policy that lacks it, or a token that is gone', async () => {
    const session = await logIn(600);
    refused(refusals.policy);
    assert.equal((await failureOf(session)).code, 'backend-rejected');
    refused(refusals.unknown);
    assert.equal((await failureOf(session)).code, 'lease-lost');
    // A server that failed is not one that refused.
    renewal = { status: 500, body: { errors: [refusals.expired] } };
    assert.equal((await failureOf(session)).code, 'backend-unreachable');
  });

  it('knows the end of the login after a restart', async () => {
    const { tenure } = await logIn(600);
    const state = parseJson(JSON.stringify(tenure.toState())) as JsonObject;
    const resumed = await backend.resume?.(connection(), state, quickDeps);
    assert.equal(resumed?.tenure?.loginEnds, tenure.loginEnds);
  });
});

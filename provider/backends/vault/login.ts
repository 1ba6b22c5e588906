import { promises as fs } from 'node:fs';
import { KeymountError } from '../../errors.ts';
import type { Reply } from '../../net/request.ts';
import { isJsonObject, type JsonObject, type JsonValue, ownKey, toInteger } from '../../util/json.ts';
import { claimsOf } from '../../util/token-claims.ts';
import type { BackendDeps, Login } from '../backend.ts';
import { accountOf, isOfKubernetes } from './account.ts';
import { type AppRolePlace, appRoleCredentials } from './approle.ts';
import type { VaultClient } from './client.ts';
import type { VaultAuth, VaultConnection } from './connection.ts';
import { explainLogin, type LoginQuestion, loginFailed } from './explain-login.ts';
import { jsonObjectOf } from './reply.ts';
import { Uses } from './uses.ts';

/** A Vault token, and until when it is good: milliseconds of the clock, undefined for ever. */
export interface Authority {
  readonly token: string;
  readonly expires: number | undefined;
  /** The role that it came from, for messages. */
  readonly role: string | undefined;
  /** Uid of whom the `kubernetes` method says that it logged in. What any other method says is not believed. */
  readonly serviceAccountUid: string | undefined;
  /** Can the token be renewed? Undefined: it is not the pod's own, and nobody but its owner renews or ends it. */
  readonly renewable: boolean | undefined;
  readonly uses: Uses;
  /**
   * When the ServiceAccount token ends that the `kubernetes` method was shown, in milliseconds since 1970: the server may renew no
   * further. Undefined: another method, or the token has no end.
   */
  readonly loginEnds?: number | undefined;
}

/** Milliseconds after which the token file is read again. */
const tokenFileAge = 60_000;

/** Logs in by the connection's method. Throws `login-denied`, `login-failed`, `token-missing` and what stops any request. */
export async function logIn(
  connection: VaultConnection,
  login: Login,
  client: VaultClient,
  deps: BackendDeps,
  signal: AbortSignal,
): Promise<Authority> {
  const { auth } = connection;
  const started = deps.clock.now();
  if (auth.method === 'token-file') {
    const token = await readTokenFile(auth.path);
    return {
      token,
      expires: started + tokenFileAge,
      role: undefined,
      serviceAccountUid: undefined,
      renewable: undefined,
      uses: new Uses(),
    };
  }
  const attempt = await prepare(
    auth,
    login,
    (mount) => withAppRole({ connection, mount, client, deps }, login, signal),
    signal,
  );
  const question: LoginQuestion = {
    server: connection.address.text,
    namespace: connection.namespace,
    role: attempt.role,
    mount: attempt.mount,
    audience: attempt.audience,
    identity: login.identity,
    secrets: attempt.secrets,
    now: started,
  };
  const reply = await client.send(
    { method: 'POST', target: `auth/${attempt.mount}/login`, args: attempt.body },
    signal,
  );
  // 204 refuses nothing, and gives no token.
  if (reply.status < 200 || reply.status > 299) throw explainLogin(reply, question);
  const { ttl, metadata, ...granted } = tokenOf(reply, question);
  return {
    ...granted,
    expires: ttl === 0 ? undefined : started + ttl * 1000,
    role: attempt.role,
    serviceAccountUid: attempt.ofAccount ? accountOf(metadata, login.identity) : undefined,
    loginEnds: attempt.ofAccount && isOfKubernetes(metadata) ? attempt.ends : undefined,
  };
}

interface Attempt {
  readonly mount: string;
  readonly role: string | undefined;
  readonly audience: string | undefined;
  readonly body: JsonObject;
  readonly secrets: readonly string[];
  /** May the mount be of the `kubernetes` method? */
  readonly ofAccount: boolean;
  /** When the ServiceAccount token that is shown ends, in milliseconds since 1970. */
  readonly ends?: number | undefined;
}

async function prepare(
  auth: Exclude<VaultAuth, { method: 'token-file' }>,
  login: Login,
  byAppRole: (mount: string) => Promise<Attempt>,
  signal: AbortSignal,
): Promise<Attempt> {
  switch (auth.method) {
    case 'cert':
      return {
        mount: auth.mount,
        role: auth.role,
        audience: undefined,
        body: auth.role === undefined ? {} : { name: auth.role },
        secrets: [],
        ofAccount: false,
      };
    case 'approle':
      return await byAppRole(auth.mount);
    case 'pod':
      if (login.publishSecrets.has('role_id')) return await byAppRole(auth.appRoleMount);
      return await withToken(auth, login.role, login, signal);
    default:
      return await withToken(auth, login.role ?? auth.role, login, signal);
  }
}

/** The `kubernetes` and `jwt` methods take the same login. */
async function withToken(
  { method, mount, audience: defaultAudience }: Extract<VaultAuth, { method: 'pod' | 'kubernetes' | 'jwt' }>,
  role: string | undefined,
  login: Login,
  signal: AbortSignal,
): Promise<Attempt> {
  if (role === undefined) {
    throw new KeymountError('class-invalid', 'there is no role to log in with', {
      hint: 'name one in the class, or ask the admin for a default role of the connection',
    });
  }
  const audience = login.audience ?? defaultAudience;
  const ofAccount = method !== 'jwt';
  const jwt = (await login.token(audience, signal, { lasting: ofAccount })).reveal();
  const ends = claimsOf(jwt)?.expires;
  return { mount, role, audience, body: { jwt, role }, secrets: [jwt], ofAccount, ends };
}

async function withAppRole(place: AppRolePlace, login: Login, signal: AbortSignal): Promise<Attempt> {
  const { roleId, secretId } = await appRoleCredentials(login, place, signal);
  const body = secretId === undefined ? { role_id: roleId } : { role_id: roleId, secret_id: secretId };
  const secrets = [roleId, secretId ?? ''];
  return { mount: place.mount, role: undefined, audience: undefined, body, secrets, ofAccount: false };
}

function tokenOf(
  { body }: Reply,
  question: LoginQuestion,
): Pick<Authority, 'token' | 'renewable' | 'uses'> & { ttl: number; metadata: JsonValue | undefined } {
  const auth = ownKey(jsonObjectOf(body) ?? {}, 'auth');
  if (!isJsonObject(auth)) {
    throw loginFailed(question, 'the answer has no auth part', 'the address may be that of something else than Vault');
  }
  if (isJsonObject(ownKey(auth, 'mfa_requirement'))) {
    throw loginFailed(question, 'it wants a second factor', 'exempt this role from MFA: a pod has no second factor');
  }
  const token = ownKey(auth, 'client_token');
  // It becomes a header, so nothing but visible ASCII may be in it.
  if (typeof token !== 'string' || !/^[\x21-\x7e]{1,8192}$/.test(token))
    throw loginFailed(question, 'the answer has no usable client_token');
  return {
    token,
    ttl: Math.max(0, toInteger(ownKey(auth, 'lease_duration')) ?? 0),
    metadata: ownKey(auth, 'metadata'),
    renewable: ownKey(auth, 'renewable') === true,
    uses: new Uses(toInteger(ownKey(auth, 'num_uses'))),
  };
}

async function readTokenFile(path: string): Promise<string> {
  let text: string;
  try {
    text = (await fs.readFile(path, 'utf8')).trim();
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    throw new KeymountError('login-failed', `cannot read the token file ${path}`, { reason: code });
  }
  if (/^[\x21-\x7e]+$/.test(text)) return text;
  throw new KeymountError('login-failed', `the token file ${path} does not hold a token`);
}

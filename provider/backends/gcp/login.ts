import { KeymountError } from '../../errors.ts';
import { isJsonObject, parseJson } from '../../util/json.ts';
import type { BackendDeps, Login } from '../backend.ts';
import type { GcpAuth, GcpConnection } from './connection.ts';
import { parseCredentials, readCredentials, readSubjectToken } from './credentials.ts';
import { type AccessToken, cloudScope, exchangeToken, impersonate, jwtType, metadataToken } from './exchange.ts';
import type { GcpLine } from './line.ts';
import { selfSignedLife, selfSignedToken } from './self-signed.ts';
import type { WorkloadPool, WorkloadPools } from './workload-pool.ts';

/** An access token and whose it is. */
export interface Authority extends AccessToken {
  /** As messages and role bindings name it. */
  readonly as: string;
  /** The ServiceAccount whose identity Google Cloud sees, its own or that of the account that it impersonates. */
  readonly serviceAccountUid: string | undefined;
  /** Do the annotations say by now that it should be somebody else? Never rejects. */
  readonly isOutdated: (signal: AbortSignal) => Promise<boolean>;
}

/** What a login works with. */
export interface LoginParts {
  readonly connection: GcpConnection;
  readonly line: GcpLine;
  /** Absent where the pod's own identity is of no use. */
  readonly pools: WorkloadPools | undefined;
  readonly deps: BackendDeps;
}

/** The key of the Secret of `nodePublishSecretRef`, as the Go provider has it. */
const keyName = 'key.json';

/** Logs in by the connection's method. Throws `login-denied`, `login-failed`, `token-missing` and what stops any request. */
export async function logIn(parts: LoginParts, login: Login, signal: AbortSignal): Promise<Authority> {
  const { auth } = parts.connection;
  switch (auth.method) {
    case 'service-account-key':
      return withKey(parts, login);
    case 'provider-adc':
      if (auth.refusesKey && login.publishSecrets.has(keyName)) throw twoIdentities('provider-adc');
      return await asProvider(auth.credentials, parts, signal);
    case 'workload-identity': {
      const hasKey = login.publishSecrets.has(keyName) && auth.publishSecret !== 'ignored';
      if (hasKey && auth.publishSecret === 'refused') throw twoIdentities('pod-adc');
      return hasKey ? withKey(parts, login) : await asPod(auth, parts, login, signal);
    }
  }
}

function twoIdentities(auth: string): KeymountError {
  return new KeymountError('class-invalid', `attempting to set both nodePublishSecretRef and ${auth} auth`, {
    at: { path: 'parameters.auth' },
    hint: 'keep one of them',
  });
}

function withKey({ deps }: LoginParts, { publishSecrets }: Login): Authority {
  const text = publishSecrets.get(keyName)?.reveal();
  if (text === undefined) {
    throw new KeymountError('token-missing', `the pod brought no ${keyName}`, {
      hint: 'name a Secret with the key of a service account as key.json in nodePublishSecretRef of the volume',
    });
  }
  const key = parseCredentials(text, keyName);
  if (key.type !== 'service_account') {
    throw new KeymountError('login-denied', `${keyName} is of type ${key.type}; it must be a service account key`);
  }
  return ofKey(key, deps.clock.now());
}

function ofKey(key: Parameters<typeof selfSignedToken>[0], now: number): Authority {
  const token = selfSignedToken(key, cloudScope, now);
  return { token, expires: now + selfSignedLife, as: key.email, serviceAccountUid: undefined, isOutdated: never };
}

async function asProvider(
  credentials: string | undefined,
  { connection, line, deps }: LoginParts,
  signal: AbortSignal,
): Promise<Authority> {
  const now = deps.clock.now();
  const own = { serviceAccountUid: undefined, isOutdated: never };
  if (credentials === undefined) {
    return { ...(await metadataToken(line, now, signal)), as: "the node's service account", ...own };
  }
  const file = await readCredentials(credentials);
  if (file.type === 'service_account') return ofKey(file, now);
  const { audience, subjectTokenType: type, serviceAccount } = file;
  const owner = `keymount itself (${credentials})`;
  const subject = { token: await readSubjectToken(file, credentials), type, audience, owner };
  const first = await exchangeToken(subject, connection, line, now, signal);
  if (serviceAccount === undefined) return { ...first, as: owner, ...own };
  const as = { token: first.token, owner };
  return { ...(await impersonate(serviceAccount, [], as, connection, line, now, signal)), as: serviceAccount, ...own };
}

async function asPod(
  auth: Extract<GcpAuth, { method: 'workload-identity' }>,
  { connection, line, pools, deps }: LoginParts,
  login: Login,
  signal: AbortSignal,
): Promise<Authority> {
  const { identity } = login;
  const pool = await pools?.get(signal);
  if (pool === undefined) throw new Error('a pod logs in without a pool');
  const [token, target] = await Promise.all([
    login.token(login.audience ?? pool.tokenAudience, signal, {
      orFor: login.audience === undefined ? [pool.audience] : [],
    }),
    targetOf(auth, login, signal),
  ]);
  const owner = ownerOf(pool, login);
  const now = deps.clock.now();
  const subject = { token: token.reveal(), type: jwtType, audience: pool.audience, owner };
  const own = await exchangeToken(subject, connection, line, now, signal);
  const rest = {
    serviceAccountUid: pool.ofAccounts && identity.proven ? identity.serviceAccountUid : undefined,
    isOutdated: watchTarget(auth, login.annotations, target),
  };
  if (target === undefined) return { ...own, as: owner, ...rest };
  const { serviceAccount, delegates } = target;
  const as = { token: own.token, owner };
  const theirs = await impersonate(serviceAccount, delegates, as, connection, line, now, signal);
  return { ...theirs, as: serviceAccount, ...rest };
}

function ownerOf(pool: WorkloadPool, { identity }: Login): string {
  const account = `ServiceAccount ${identity.namespace}/${identity.serviceAccount}`;
  return pool.ofAccounts ? `${account} (${pool.tokenAudience})` : `${account} at its pool`;
}

/** The Google service account to impersonate, and the chain that leads to it. */
interface Target {
  readonly serviceAccount: string;
  readonly delegates: readonly string[];
}

const accountAnnotation = 'iam.gke.io/gcp-service-account';
const delegatesAnnotation = 'iam.gke.io/gcp-service-account-delegates';

type Annotated = Pick<Login, 'annotations'>;

/** https://cloud.google.com/kubernetes-engine/docs/how-to/workload-identity; the delegates are the Go provider's. */
async function targetOf(
  { serviceAccount, delegates }: Pick<Target, 'delegates'> & { readonly serviceAccount: string | undefined },
  { annotations }: Annotated,
  signal: AbortSignal,
): Promise<Target | undefined> {
  if (serviceAccount !== undefined) return { serviceAccount, delegates };
  const found = await annotations(signal);
  const account = found.get(accountAnnotation) ?? '';
  return account === '' ? undefined : { serviceAccount: account, delegates: parseDelegates(found) };
}

function parseDelegates(annotations: ReadonlyMap<string, string>): string[] {
  const text = annotations.get(delegatesAnnotation) ?? '';
  if (text === '') return [];
  try {
    const value = parseJson(text);
    if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value;
    if (isJsonObject(value)) throw new SyntaxError('an object');
  } catch {
    // It is told below.
  }
  throw new KeymountError(
    'login-denied',
    `unable to parse the annotation ${delegatesAnnotation} of the ServiceAccount`,
    {
      hint: 'it is a JSON list of e-mail addresses',
    },
  );
}

/** A token outlives a change of the annotations, by which people mend what was refused; they should not have to wait for its end. */
function watchTarget(
  auth: Parameters<typeof targetOf>[0],
  annotations: Login['annotations'],
  used: Target | undefined,
) {
  if (auth.serviceAccount !== undefined) return never;
  const before = JSON.stringify(used ?? null);
  return async (signal: AbortSignal) => {
    try {
      return JSON.stringify((await targetOf(auth, { annotations }, signal)) ?? null) !== before;
    } catch {
      return false;
    }
  };
}

const never = async () => false;

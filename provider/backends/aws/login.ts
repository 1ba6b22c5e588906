import { KeymountError, toKeymountError } from '../../errors.ts';
import type { Pools } from '../../net/pools.ts';
import { isArn } from '../../plan/dialects/aws-address.ts';
import type { BackendDeps, Identity, Login } from '../backend.ts';
import type { AwsConnection } from './connection.ts';
import { endpointOf, globalSts } from './endpoints.ts';
import { isAway } from './explain.ts';
import { sameRegion } from './inline.ts';
import { podIdentityCredentials } from './pod-identity.ts';
import { sessionName } from './session-name.ts';
import type { Credentials } from './sign.ts';
import { assumeRole, type StsPlace } from './sts.ts';
import type { Transport } from './transport.ts';

/** As whom a pod reads, and where. */
export interface Authority {
  readonly credentials: Credentials;
  /** Whose policies decide, for messages: the ARN of a role, or how the agent knows the pod. */
  readonly principal: string;
  readonly region: string;
  /** Whom the credentials are for, where they are those of a ServiceAccount that is proven. */
  readonly serviceAccountUid: string | undefined;
}

/** What logins work with. `agentPools` have no proxies. */
export interface LoginLine {
  readonly transport: Transport;
  readonly agentPools: Pools;
}

const roleAnnotation = 'eks.amazonaws.com/role-arn';
const regionalAnnotation = 'eks.amazonaws.com/sts-regional-endpoints';
const regionLabel = 'topology.kubernetes.io/region';

/** Logs in by the connection's method. Throws `login-denied`, `login-failed`, `token-missing`, `cluster-unavailable` and what stops any request. */
export async function logIn(
  connection: AwsConnection,
  login: Login,
  line: LoginLine,
  deps: BackendDeps,
  signal: AbortSignal,
): Promise<Authority> {
  const region = connection.region ?? (await nodeRegion(login, signal));
  if (region === connection.failoverRegion) throw sameRegion(region);
  const own =
    connection.auth.method === 'irsa'
      ? await webIdentity(connection, region, login, line, deps, signal)
      : await podIdentity(connection, login, line, deps, signal);
  const serviceAccountUid = own.isShared ? login.identity.serviceAccountUid : undefined;
  const { assumeRole: role } = connection;
  if (role === undefined) return { ...own, region, serviceAccountUid };
  const places = placesOf(connection, region, false);
  const credentials = await inAnyOf(places, (place) =>
    assumeRole(
      'AssumeRole',
      {
        place,
        roleArn: role.arn,
        who: own.principal,
        parameters: {
          RoleSessionName: role.sessionName ?? sessionName(login.identity, own.isShared),
          ExternalId: role.externalId,
          DurationSeconds: role.duration === undefined ? undefined : String(role.duration),
        },
        credentials: own.credentials,
        now: deps.clock.now(),
      },
      line.transport,
      signal,
    ),
  );
  return { credentials, principal: role.arn, region, serviceAccountUid };
}

interface Own {
  readonly credentials: Credentials;
  readonly principal: string;
  readonly isShared: boolean;
}

/** IRSA: the pod's token for the role of its ServiceAccount. */
async function webIdentity(
  connection: AwsConnection,
  region: string,
  login: Login,
  { transport }: LoginLine,
  { clock }: BackendDeps,
  signal: AbortSignal,
): Promise<Own> {
  const { auth } = connection;
  // A class has one role for all its connections: where it is no ARN, it is that of another store.
  const ofClass = login.role !== undefined && isArn(login.role) ? login.role : undefined;
  const given = ofClass ?? (auth.method === 'irsa' ? auth.role : undefined);
  const annotations = given === undefined ? await login.annotations(signal) : new Map<string, string>();
  const roleArn = given ?? annotations.get(roleAnnotation) ?? '';
  if (roleArn === '') throw noRole(login.identity);
  const token = await login.token(login.audience ?? auth.audience, signal);
  const isShared = login.identity.proven && login.identity.serviceAccountUid !== undefined;
  const places = placesOf(connection, region, annotations.get(regionalAnnotation)?.toLowerCase() === 'false');
  const credentials = await inAnyOf(places, (place) =>
    assumeRole(
      'AssumeRoleWithWebIdentity',
      {
        place,
        roleArn,
        who: accountOf(login.identity),
        parameters: { RoleSessionName: sessionName(login.identity, isShared), WebIdentityToken: token.reveal() },
        credentials: undefined,
        now: clock.now(),
      },
      transport,
      signal,
    ),
  );
  return { credentials, principal: roleArn, isShared };
}

/** The agent knows the pod: what it gives is the pod's own. */
async function podIdentity(
  connection: AwsConnection,
  login: Login,
  { agentPools }: LoginLine,
  deps: BackendDeps,
  signal: AbortSignal,
): Promise<Own> {
  const { auth } = connection;
  const addressType = auth.method === 'pod-identity' ? auth.addressType : 'auto';
  const token = await login.token(login.audience ?? auth.audience, signal);
  const who = accountOf(login.identity);
  const credentials = await podIdentityCredentials(connection, addressType, token, who, agentPools, deps, signal);
  return { credentials, principal: `the pod identity of ${who}`, isShared: false };
}

/** STS of the region, and of the failover region: credentials of either are good in both. */
function placesOf(connection: AwsConnection, region: string, isGlobal: boolean): StsPlace[] {
  if (isGlobal) return [globalSts(region, connection)];
  const { failoverRegion } = connection;
  const regions = failoverRegion === undefined ? [region] : [region, failoverRegion];
  return regions.map((each) => ({ address: endpointOf('sts', each, connection), region: each }));
}

async function inAnyOf<Result>(
  places: readonly StsPlace[],
  ask: (place: StsPlace) => Promise<Result>,
): Promise<Result> {
  const [first, second] = places;
  if (first === undefined) throw new Error('no place to ask');
  try {
    return await ask(first);
  } catch (thrown) {
    if (second === undefined || !isAway(toKeymountError(thrown))) throw thrown;
    return await ask(second);
  }
}

async function nodeRegion(login: Login, signal: AbortSignal): Promise<string> {
  const region = (await login.nodeLabels(signal)).get(regionLabel) ?? '';
  if (region !== '') return region;
  throw new KeymountError('class-invalid', 'nothing says the region: not the class, not the settings, not the node', {
    at: { path: 'parameters.region' },
    hint: `set region in the class or AWS_REGION for keymount; the node has no label ${regionLabel}`,
  });
}

function noRole(identity: Identity): KeymountError {
  return new KeymountError('login-denied', `an IAM role must be associated with ${accountOf(identity)}`, {
    hint: `annotate it with ${roleAnnotation}, or set usePodIdentity: "true"`,
  });
}

function accountOf({ namespace, serviceAccount }: Identity): string {
  return `ServiceAccount ${namespace}/${serviceAccount}`;
}

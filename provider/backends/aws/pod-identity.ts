import { KeymountError } from '../../errors.ts';
import { type Address, parseAddress } from '../../net/address.ts';
import type { Pools } from '../../net/pools.ts';
import type { Outcome, Reply } from '../../net/request.ts';
import { retrying } from '../../net/retry.ts';
import { isJsonObject, ownKey, parseJson } from '../../util/json.ts';
import type { SecretString } from '../../util/secret-string.ts';
import type { BackendDeps } from '../backend.ts';
import type { AwsConnection } from './connection.ts';
import { explainServer, reasonOf } from './explain.ts';
import { type Fault, faultOf, tidy } from './fault.ts';
import type { Credentials } from './sign.ts';

/** Where the agent listens on every node (https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html). */
const agents = { ipv4: '169.254.170.23', ipv6: '[fd00:ec2::23]' } as const;

/** Milliseconds to get a connection: the agent is on the same node. */
const connectTimeout = 1_000;
const largestReply = 64 * 1024;

/**
 * Credentials of the role that EKS Pod Identity associates with the pod. `pools` must have no proxies: the address is that of this
 * node. Throws `login-denied`, `login-failed` and what stops any request.
 */
export async function podIdentityCredentials(
  connection: AwsConnection,
  addressType: keyof typeof agents | 'auto',
  token: SecretString,
  who: string,
  pools: Pools,
  deps: BackendDeps,
  signal: AbortSignal,
): Promise<Credentials> {
  const addresses = addressesOf(connection, addressType);
  const message = { method: 'GET', path: '/v1/credentials', headers: { Authorization: token.reveal() } };
  const bounds = { timeout: connection.agentTimeout, connectTimeout, maxBytes: largestReply };
  const ask = async (address: Address): Promise<Outcome> => {
    const pool = pools.get({
      address,
      tls: { skipVerify: false, ...(connection.ca === undefined ? {} : { ca: { path: connection.ca } }) },
      maxConcurrent: 16,
      proxy: undefined,
      guarded: false,
    });
    const started = deps.clock.now();
    const outcome = await pool.exchange(message, bounds, signal);
    const code = 'failure' in outcome ? outcome.failure.code : outcome.reply.status < 400 ? 'ok' : 'login-denied';
    deps.onRequest({ call: 'login', code, seconds: (deps.clock.now() - started) / 1000 });
    return outcome;
  };
  const attempt = async (): Promise<Outcome> => {
    let outcome: Outcome | undefined;
    for (const address of addresses) {
      outcome = await ask(address);
      // An agent that answers is the one; a node has one address family or both.
      if ('reply' in outcome || signal.aborted) return outcome;
    }
    return outcome as Outcome;
  };
  const policy = { retries: connection.retries, window: connection.agentTimeout };
  const reply = await retrying(attempt, policy, deps, signal);
  if (reply.status !== 200) throw explainDenial(reply, token, who, deps.clock.now());
  return credentialsOf(reply, who);
}

function addressesOf({ endpoints }: AwsConnection, addressType: keyof typeof agents | 'auto'): Address[] {
  if (endpoints.podIdentity !== undefined) return [endpoints.podIdentity];
  const families = addressType === 'auto' ? (['ipv4', 'ipv6'] as const) : [addressType];
  return families.flatMap((family) => {
    const result = parseAddress(`http://${agents[family]}`);
    return 'address' in result ? [result.address] : [];
  });
}

function explainDenial(reply: Reply, token: SecretString, who: string, now: number): KeymountError {
  const secrets = [token.reveal()];
  const found = faultOf(reply, secrets);
  const said: Fault = { code: '', message: tidy(reply.body.toString('utf8'), secrets) };
  const fault = found.code === '' && found.message === '' ? said : found;
  const doing = `asking the EKS Pod Identity agent for ${who}`;
  return (
    explainServer(reply, fault, doing, now) ??
    new KeymountError('login-denied', `the EKS Pod Identity agent refused ${who} (${reply.status})`, {
      reason: reasonOf(fault, reply.status),
      hint: `${who} needs a pod identity association of the cluster`,
    })
  );
}

function credentialsOf({ body }: Reply, who: string): Credentials {
  const text = (name: string): string => {
    const value = isJsonObject(answer) ? ownKey(answer, name) : undefined;
    return typeof value === 'string' ? value : '';
  };
  const answer = parse(body);
  const found = {
    accessKeyId: text('AccessKeyId'),
    secretAccessKey: text('SecretAccessKey'),
    sessionToken: text('Token'),
  };
  const expires = Date.parse(text('Expiration'));
  const usable = Object.values(found).every((each) => /^[\x21-\x7e]+$/.test(each));
  if (usable && !Number.isNaN(expires)) return { ...found, expires };
  throw new KeymountError('login-failed', `the EKS Pod Identity agent gave ${who} no usable credentials`);
}

function parse(body: Buffer) {
  try {
    return parseJson(body.toString('utf8'));
  } catch {
    return null;
  }
}

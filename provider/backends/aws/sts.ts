import { KeymountError } from '../../errors.ts';
import type { Address } from '../../net/address.ts';
import type { Reply } from '../../net/request.ts';
import { explainServer, reasonOf } from './explain.ts';
import { elementOf, faultOf } from './fault.ts';
import type { Credentials } from './sign.ts';
import { tolerated } from './skew.ts';
import type { Transport } from './transport.ts';

/** Where STS is asked. */
export interface StsPlace {
  readonly address: Address;
  /** That signatures are made for. */
  readonly region: string;
}

export interface StsCall {
  readonly place: StsPlace;
  readonly roleArn: string;
  /** Who asks, for messages: `ServiceAccount shop/web`. */
  readonly who: string;
  /** `WebIdentityToken`, `ExternalId`… */
  readonly parameters: Readonly<Record<string, string | undefined>>;
  /** What the request is signed with, for AssumeRole. */
  readonly credentials: Credentials | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * AssumeRoleWithWebIdentity or AssumeRole (https://docs.aws.amazon.com/STS/latest/APIReference/). A form, and four elements of
 * XML: no work for a client of the SDK; see docs/dependencies.md. Throws `login-denied`, `login-failed` and what stops any request.
 */
export async function assumeRole(
  action: 'AssumeRole' | 'AssumeRoleWithWebIdentity',
  call: StsCall,
  transport: Transport,
  signal: AbortSignal,
): Promise<Credentials> {
  const { place, roleArn, parameters, credentials } = call;
  const form = new URLSearchParams({ Action: action, Version: '2011-06-15', RoleArn: roleArn });
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) form.set(name, value);
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded; charset=utf-8' };
  const request = { ...place, service: 'sts' as const, headers, body: form.toString(), credentials };
  const reply = await transport(request, signal);
  if (reply.status !== 200) throw explainDenial(reply, call);
  return credentialsOf(reply, call);
}

function credentialsOf({ body, headers }: Reply, { who, roleArn, now }: StsCall): Credentials {
  const xml = body.toString('utf8');
  const accessKeyId = elementOf(xml, 'AccessKeyId') ?? '';
  const secretAccessKey = elementOf(xml, 'SecretAccessKey') ?? '';
  const sessionToken = elementOf(xml, 'SessionToken') ?? '';
  const expires = Date.parse(elementOf(xml, 'Expiration') ?? '') - aheadOf(headers.date, now);
  // They become headers, so nothing but visible ASCII may be in them.
  const usable = [accessKeyId, secretAccessKey, sessionToken].every((text) => /^[\x21-\x7e]+$/.test(text));
  if (usable && !Number.isNaN(expires)) return { accessKeyId, secretAccessKey, sessionToken, expires };
  throw new KeymountError('login-failed', `the answer of STS for ${who} and ${roleArn} has no usable credentials`);
}

/** Milliseconds by which the clock of AWS is ahead of this machine's, where that is more than Date and the way may make. */
function aheadOf(date: string | undefined, now: number): number {
  const ahead = Date.parse(date ?? '') - now;
  return Math.abs(ahead) > tolerated ? ahead : 0;
}

function explainDenial(reply: Reply, { place, who, roleArn, parameters, now }: StsCall): KeymountError {
  const fault = faultOf(reply, [parameters['WebIdentityToken'] ?? '']);
  const doing = `${who} assuming ${roleArn}`;
  const server = explainServer(reply, fault, doing, now);
  if (server !== undefined) return server;
  const reason = reasonOf(fault, reply.status);
  if (fault.code === '' && reply.status !== 403) {
    return new KeymountError('login-failed', `${place.address.text} did not answer as STS does, ${doing}`, { reason });
  }
  return new KeymountError('login-denied', `STS refused ${doing}`, { reason, hint: hintOf(fault.code, who) });
}

function hintOf(code: string, who: string): string | undefined {
  if (/^AccessDenied/.test(code)) return `the trust policy of the role has to name ${who}`;
  if (code === 'InvalidIdentityToken') {
    return "the account of the role needs the cluster's OIDC issuer as an identity provider, with audience sts.amazonaws.com";
  }
  if (code === 'RegionDisabledException') return 'activate STS for this region in the account';
  return undefined;
}

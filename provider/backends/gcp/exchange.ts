import { KeymountError } from '../../errors.ts';
import type { Reply } from '../../net/request.ts';
import { ownKey, toInteger } from '../../util/json.ts';
import type { GcpConnection } from './connection.ts';
import { explainServer } from './explain.ts';
import type { GcpLine } from './line.ts';
import { jsonObjectOf, reasonOf } from './reason.ts';

/** An access token, and until when it is good: milliseconds of the clock. */
export interface AccessToken {
  readonly token: string;
  readonly expires: number;
}

export const cloudScope = 'https://www.googleapis.com/auth/cloud-platform';

/** Seconds of a token's life where the answer does not say. */
const usualLife = 3600;

export interface SubjectToken {
  readonly token: string;
  readonly type: string;
  /** Of the pool. */
  readonly audience: string;
  /** Whose it is, for messages: `ServiceAccount shop/web`. */
  readonly owner: string;
}

export const jwtType = 'urn:ietf:params:oauth:token-type:jwt';

/** Shows a token of the cluster to a workload identity pool (RFC 8693). Throws `login-denied`, `login-failed`. */
export async function exchangeToken(
  subject: SubjectToken,
  { endpoints }: GcpConnection,
  line: GcpLine,
  now: number,
  signal: AbortSignal,
): Promise<AccessToken> {
  const body = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token_type: subject.type,
    requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    subject_token: subject.token,
    audience: subject.audience,
    scope: cloudScope,
  };
  const reply = await line.send({ address: endpoints.token, path: '', kind: 'login', body }, signal);
  const doing = `exchanging the token of ${subject.owner} at ${subject.audience}`;
  if (reply.status !== 200) {
    throw refused(reply, doing, [subject.token], endpoints.token.text, now, exchangeHint(subject));
  }
  const answer = jsonObjectOf(reply.body) ?? {};
  const token = usableToken(ownKey(answer, 'access_token'), doing);
  const life = toInteger(ownKey(answer, 'expires_in')) ?? usualLife;
  return { token, expires: now + life * 1000 };
}

/** A token of a Google service account for who may impersonate it. Throws `login-denied`, `login-failed`. */
export async function impersonate(
  serviceAccount: string,
  delegates: readonly string[],
  as: { readonly token: string; readonly owner: string },
  { endpoints }: GcpConnection,
  line: GcpLine,
  now: number,
  signal: AbortSignal,
): Promise<AccessToken> {
  const body = { delegates: delegates.map(accountName), scope: [cloudScope], lifetime: `${usualLife}s` };
  const path = `/v1/${accountName(encodeURIComponent(serviceAccount).replaceAll('%40', '@'))}:generateAccessToken`;
  const reply = await line.send({ address: endpoints.iam, path, kind: 'login', body, token: as.token }, signal);
  const doing = `${as.owner} impersonating ${serviceAccount}`;
  if (reply.status !== 200) {
    const hint = `grant roles/iam.workloadIdentityUser on ${serviceAccount} to ${as.owner}, or correct the annotation`;
    throw refused(reply, doing, [as.token], endpoints.iam.text, now, hint);
  }
  const answer = jsonObjectOf(reply.body) ?? {};
  const token = usableToken(ownKey(answer, 'accessToken'), doing);
  const end = Date.parse(String(ownKey(answer, 'expireTime')));
  return { token, expires: Number.isNaN(end) ? now + usualLife * 1000 : end };
}

/** The token of the node's or keymount's own service account. Throws `login-failed`. */
export async function metadataToken(line: GcpLine, now: number, signal: AbortSignal): Promise<AccessToken> {
  const reply = await line.askMetadata('instance/service-accounts/default/token', signal);
  const doing = 'asking the metadata server for a token';
  if (reply.status !== 200)
    throw new KeymountError('login-failed', `${doing} failed`, { reason: String(reply.status) });
  const answer = jsonObjectOf(reply.body) ?? {};
  const token = usableToken(ownKey(answer, 'access_token'), doing);
  return { token, expires: now + (toInteger(ownKey(answer, 'expires_in')) ?? usualLife) * 1000 };
}

function accountName(email: string): string {
  return `projects/-/serviceAccounts/${email}`;
}

/** It becomes a header, so nothing but visible ASCII may be in it. */
function usableToken(value: unknown, doing: string): string {
  if (typeof value === 'string' && /^[\x21-\x7e]+$/.test(value)) return value;
  throw new KeymountError('login-failed', `${doing} gave no token`);
}

function refused(
  reply: Reply,
  doing: string,
  secrets: readonly string[],
  server: string,
  now: number,
  hint: string,
): KeymountError {
  const reason = reasonOf(reply, secrets);
  const ofServer = explainServer(reply, server, doing, reason, now);
  return ofServer ?? new KeymountError('login-denied', `${doing} was refused`, { reason, hint });
}

function exchangeHint({ audience }: SubjectToken): string {
  return audience.startsWith('identitynamespace:')
    ? 'check that workload identity is on in this cluster, and the project, location and name that keymount has of it'
    : 'check that the pool trusts the issuer of this cluster and lets the pod through its attribute condition';
}

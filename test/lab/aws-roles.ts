import { createPublicKey, verify } from 'node:crypto';
import type { Holder } from './aws-keys.ts';
import type { Answer } from './aws-stores.ts';
import type { TokenIssuer } from './pod-token.ts';

/** Who may take which role. */
export interface Roles {
  /** Whose keys are the identity provider of the account. */
  readonly issuer: TokenIssuer;
  /**
   * Who may take a role: `system:serviceaccount:shop:web`, or the ARN of another role, which with an external id is followed by a
   * space and that id.
   */
  readonly trusts: Map<string, string[]>;
  /** Roles by `namespace/serviceaccount`, as EKS Pod Identity associates them. */
  readonly associations: Map<string, string>;
}

type Note = (what: string) => Answer | 'close' | undefined;

/** AssumeRoleWithWebIdentity and AssumeRole. */
export function takeRole(
  roles: Roles,
  form: URLSearchParams,
  holder: Holder | undefined,
  note: Note,
  issue: (role: string, session: string) => Holder,
): Answer | 'close' {
  const action = form.get('Action') ?? '';
  const role = form.get('RoleArn') ?? '';
  const session = form.get('RoleSessionName') ?? '';
  const fault = note(`${action} ${role}`);
  if (fault !== undefined) return fault;
  if (form.get('Version') !== '2011-06-15') return xmlError(400, 'InvalidAction', 'Could not find operation');
  if (!/^[\w+=,.@-]{2,64}$/.test(session))
    return xmlError(400, 'ValidationError', 'roleSessionName failed to satisfy constraint');
  const trusted = roles.trusts.get(role) ?? [];
  if (action === 'AssumeRoleWithWebIdentity') {
    const subject = subjectOf(roles.issuer, form.get('WebIdentityToken') ?? '', 'sts.amazonaws.com');
    if (typeof subject !== 'string') return xmlError(400, ...subject.problem);
    if (!trusted.includes(subject)) return xmlError(403, 'AccessDenied', `Not authorized to perform sts:${action}`);
    return credentials(action, issue(role, session));
  }
  if (action !== 'AssumeRole') return xmlError(400, 'InvalidAction', 'Could not find operation');
  if (holder === undefined)
    return xmlError(403, 'InvalidClientTokenId', 'The security token included in the request is invalid');
  const externalId = form.get('ExternalId');
  const who = externalId === null ? holder.role : `${holder.role} ${externalId}`;
  if (!trusted.includes(who)) {
    const user = `User: ${holder.role}/${holder.session}`;
    return xmlError(403, 'AccessDenied', `${user} is not authorized to perform: sts:AssumeRole on resource: ${role}`);
  }
  return credentials(action, issue(role, session));
}

/** `GET /v1/credentials` of the agent. */
export function podCredentials(
  roles: Roles,
  token: string,
  note: Note,
  issue: (role: string) => Holder,
): Answer | 'close' {
  const subject = subjectOf(roles.issuer, token, 'pods.eks.amazonaws.com');
  const account = typeof subject === 'string' ? subject.split(':').slice(2).join('/') : '';
  const fault = note(`PodIdentity ${account}`);
  if (fault !== undefined) return fault;
  if (typeof subject !== 'string') return { status: 400, body: `InvalidTokenException: ${subject.problem[1]}` };
  const role = roles.associations.get(account);
  if (role === undefined) return { status: 403, body: 'AccessDeniedException: No association found for the pod' };
  const { accessKeyId, secretAccessKey, sessionToken, expires } = issue(role);
  return {
    status: 200,
    body: {
      AccessKeyId: accessKeyId,
      SecretAccessKey: secretAccessKey,
      Token: sessionToken,
      AccountId: role.split(':')[4],
      Expiration: new Date(expires).toISOString(),
    },
  };
}

/** The subject of a token that the cluster signed for this audience, or why it is none. */
function subjectOf(issuer: TokenIssuer, token: string, audience: string): string | { problem: [string, string] } {
  const [head = '', payload = '', signature = ''] = token.split('.');
  const invalid = (code: string, message: string): { problem: [string, string] } => ({ problem: [code, message] });
  try {
    const { kid } = JSON.parse(Buffer.from(head, 'base64url').toString()) as { kid?: string };
    const jwk = issuer.jwks.keys.find((each) => each['kid'] === kid);
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
    const key = jwk === undefined ? undefined : createPublicKey({ key: jwk, format: 'jwk' });
    const signed =
      key !== undefined &&
      verify('RSA-SHA256', Buffer.from(`${head}.${payload}`), key, Buffer.from(signature, 'base64url'));
    if (!signed)
      return invalid('InvalidIdentityToken', "Couldn't retrieve verification key from your identity provider");
    if (claims['iss'] !== issuer.issuer)
      return invalid('InvalidIdentityToken', 'No OpenIDConnect provider found in your account');
    if (![claims['aud']].flat().includes(audience)) return invalid('InvalidIdentityToken', 'Incorrect token audience');
    if (Number(claims['exp']) * 1000 < Date.now()) return invalid('ExpiredTokenException', 'Token expired');
    return String(claims['sub']);
  } catch {
    return invalid('InvalidIdentityToken', 'The ID Token provided is not a valid JWT');
  }
}

function credentials(
  action: string,
  { accessKeyId, secretAccessKey, sessionToken, expires, role, session }: Holder,
): Answer {
  const body =
    `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${action}Result><AssumedRoleUser>` +
    `<Arn>${role}/${session}</Arn></AssumedRoleUser><Credentials><AccessKeyId>${accessKeyId}</AccessKeyId>` +
    `<SecretAccessKey>${secretAccessKey}</SecretAccessKey><SessionToken>${sessionToken}</SessionToken>` +
    `<Expiration>${new Date(expires).toISOString()}</Expiration></Credentials></${action}Result></${action}Response>`;
  return { status: 200, body, headers: { 'content-type': 'text/xml' } };
}

function xmlError(status: number, code: string, message: string): Answer {
  const body = `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>r-1</RequestId></ErrorResponse>`;
  return { status, body, headers: { 'content-type': 'text/xml' } };
}

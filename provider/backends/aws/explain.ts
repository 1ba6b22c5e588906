import { type Code, KeymountError } from '../../errors.ts';
import type { Reply } from '../../net/request.ts';
import { retryAfter } from '../../net/retry.ts';
import { type Fault, faultOf, isThrottling } from './fault.ts';

/** What was asked, as far as it helps an author. */
export interface ReadQuestion {
  /** Of the secret or parameter. */
  readonly name: string;
  readonly region: string;
  /** As an IAM policy names it: `secretsmanager:GetSecretValue`. */
  readonly action: string;
  /** Whose policy has to allow it. */
  readonly principal: string;
  /** Tokens that no message may repeat. */
  readonly secrets: readonly string[];
  /** Milliseconds since 1970, for a Retry-After that is a date. */
  readonly now: number;
}

/** Why a read did not answer 200, as a catalogue error. */
export function explainRead(reply: Reply, question: ReadQuestion): KeymountError {
  const fault = faultOf(reply, question.secrets);
  const server = explainServer(reply, fault, `reading ${question.name} in ${question.region}`, question.now);
  return server ?? explainFault(fault, question, reply.status);
}

/** The same for one of several in an answer. */
export function explainFault(fault: Fault, question: ReadQuestion, status = 400): KeymountError {
  const { name, region, action, principal } = question;
  const doing = `reading ${name} in ${region}`;
  const reason = reasonOf(fault, status);
  const fail = (code: Code, message: string, hint?: string) => new KeymountError(code, message, { reason, hint });
  if (isBadCredentials(fault.code)) {
    return fail('login-denied', `the credentials of ${principal} were refused, ${doing}`);
  }
  if (/AccessDenied|NotAuthorized|OptInRequired/.test(fault.code) || status === 401 || status === 403) {
    const kms = /kms/i.test(fault.message);
    const needs = kms ? 'kms:Decrypt on the key that encrypts it' : `${action} on it`;
    return fail('secret-denied', `${doing} was refused`, `${principal} needs to be allowed ${needs}`);
  }
  if (fault.code === 'ResourceNotFoundException' || fault.code === 'ParameterNotFound' || status === 404) {
    const label = /secret value for (staging label|VersionId): ?([\w-]+)/i.exec(fault.message);
    if (label !== null) {
      const [, kind = '', value = ''] = label;
      const what = kind.toLowerCase() === 'staging label' ? `value with the label ${value}` : `version ${value}`;
      return fail(
        'secret-missing',
        `there is no ${what} of ${name} in ${region}`,
        'the secret may be there: give it a value, or name another version',
      );
    }
    return fail('secret-missing', `there is no ${name} in ${region}`);
  }
  if (/marked for deletion|marked deleted|currently marked/i.test(fault.message)) {
    return fail('secret-deleted', `${name} in ${region} is deleted`, 'restore it, or remove the object');
  }
  if (/^DecryptionFailure/.test(fault.code)) {
    return fail('backend-rejected', `${doing} is not possible`, 'check the state and the policy of its KMS key');
  }
  return fail('backend-rejected', `${doing} was rejected`);
}

/** What fails in the same way for logins and reads: throttled, not working. Undefined for anything else. */
export function explainServer(reply: Reply, fault: Fault, doing: string, now: number): KeymountError | undefined {
  const reason = reasonOf(fault, reply.status);
  if (reply.status === 429 || isThrottling(fault.code)) {
    const wait = retryAfter(reply, now);
    return new KeymountError('backend-throttled', `AWS asks for fewer requests, ${doing}`, {
      reason,
      retryAfter: wait === 0 ? undefined : wait,
      hint: 'a longer refreshInterval of the class asks less often',
    });
  }
  if (reply.status < 500) return undefined;
  return new KeymountError('backend-unreachable', `AWS failed, ${doing}`, { reason });
}

export function reasonOf({ code, message }: Fault, status: number): string {
  if (code === '') return message === '' ? `status ${status} without a reason of AWS` : message;
  return message === '' ? code : `${code}: ${message}`;
}

/** The request is not from whom it seems to be, or not any more: says nothing about the secret. */
function isBadCredentials(code: string): boolean {
  return /^(?:UnrecognizedClient|ExpiredToken|InvalidClientTokenId|InvalidToken|InvalidSignature|IncompleteSignature|SignatureDoesNotMatch|MissingAuthenticationToken|RequestExpired|RequestTimeTooSkewed)/.test(
    code,
  );
}

/** No usable answer of a region: the other one may have it. */
export function isAway({ code }: KeymountError): boolean {
  return code === 'backend-unreachable' || code === 'backend-reply-invalid';
}

/** Neither of two regions answered. */
export function bothFailed(what: string, first: Failure, second: Failure): KeymountError {
  const said = ({ region, error }: Failure) => `${region}: ${error.reason ?? error.message}`;
  return new KeymountError(
    'backend-unreachable',
    `neither ${first.region} nor ${second.region} answered, reading ${what}`,
    { reason: `${said(first)}; ${said(second)}` },
  );
}

export interface Failure {
  readonly region: string;
  readonly error: KeymountError;
}

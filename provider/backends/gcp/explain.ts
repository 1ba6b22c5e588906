import { KeymountError } from '../../errors.ts';
import type { Reply } from '../../net/request.ts';
import { retryAfter } from '../../net/retry.ts';
import { reasonOf, statusOf } from './reason.ts';
import type { Service } from './ref.ts';

export interface ReadQuestion {
  /** The address of the server. */
  readonly server: string;
  readonly service: Service;
  /** Full resource name of the version. */
  readonly name: string;
  /** Who read, as Google Cloud knows them, for messages. */
  readonly as: string;
  readonly token: string;
  /** Milliseconds since 1970, for a Retry-After that is a date. */
  readonly now: number;
}

/** Why a read did not answer 200, as a catalogue error. https://cloud.google.com/apis/design/errors */
export function explainRead(reply: Reply, { server, service, name, as, token, now }: ReadQuestion): KeymountError {
  const reason = reasonOf(reply, [token]);
  const doing = `reading ${name} as ${as}`;
  switch (reply.status) {
    case 401:
      return new KeymountError('login-denied', `the token of ${as} is not accepted, reading ${name}`, { reason });
    case 403:
      return new KeymountError('secret-denied', `${doing} was refused`, { reason, hint: missingRole(service, as) });
    case 404:
      return new KeymountError('secret-missing', `there is nothing at ${name}`, { reason });
    default:
      return explainServer(reply, server, doing, reason, now) ?? explainRejection(reply, name, doing, reason);
  }
}

/** What fails in the same way for logins and reads: throttled, not working. Undefined for anything else. */
export function explainServer(
  reply: Reply,
  server: string,
  doing: string,
  reason: string,
  now: number,
): KeymountError | undefined {
  if (reply.status === 429) {
    const wait = retryAfter(reply, now);
    return new KeymountError('backend-throttled', `${server} asks for fewer requests, ${doing}`, {
      reason,
      retryAfter: wait === 0 ? undefined : wait,
    });
  }
  if (reply.status < 500) return undefined;
  return reply.status === 501
    ? new KeymountError('backend-rejected', `${doing} is not possible`, { reason })
    : new KeymountError('backend-unreachable', `${server} failed, ${doing}`, { reason });
}

function explainRejection(reply: Reply, name: string, doing: string, reason: string): KeymountError {
  if (statusOf(reply) === 'FAILED_PRECONDITION' && /\b(?:DISABLED|DESTROYED)\b/i.test(reason)) {
    const hint = /\bDESTROYED\b/i.test(reason) ? 'add a new version' : 'enable the version, or name another';
    return new KeymountError('secret-deleted', `${name} has no payload any more`, { reason, hint });
  }
  return new KeymountError('backend-rejected', `${doing} was rejected`, { reason });
}

function missingRole(service: Service, as: string): string {
  const role = service === 'secretmanager' ? 'secretmanager.secretAccessor' : 'parametermanager.parameterAccessor';
  return `grant roles/${role} on it to ${as}`;
}

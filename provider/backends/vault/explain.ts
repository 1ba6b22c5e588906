import { KeymountError } from '../../errors.ts';
import type { Reply } from '../../net/request.ts';
import { retryAfter } from '../../net/retry.ts';
import { reasonOf } from './reason.ts';
import { deletedVersion, jsonObjectOf } from './reply.ts';

/** What was asked, as far as it helps an author. */
export interface Question {
  /** The address of the server. */
  readonly server: string;
  readonly namespace: string | undefined;
  readonly role: string | undefined;
  /** Tokens that no message may repeat. */
  readonly secrets: readonly string[];
  /** Milliseconds since 1970, for a Retry-After that is a date. */
  readonly now: number;
}

export interface ReadQuestion extends Question {
  readonly method: string;
  /** API path below `/v1/`, decoded, without its query. */
  readonly path: string;
  /** The `version` of its query. */
  readonly version?: string | undefined;
}

/** Why a read did not answer 200, as a catalogue error. `uses`: those of the new token, if they are limited. */
export function explainRead(reply: Reply, question: ReadQuestion, uses?: number): KeymountError {
  const { namespace, secrets, method } = question;
  const reason = reasonOf(reply, secrets);
  const doing = doingOf(question);
  if (uses !== undefined && /token had one use left/i.test(reason)) return explainUsedUp(question, uses, reason);
  switch (reply.status) {
    case 401:
    case 403:
      return new KeymountError('secret-denied', `${doing} was refused`, { reason, hint: missingPolicy(question) });
    case 404:
      return explainMissing(reply, question, reason);
    case 405:
      return new KeymountError('backend-rejected', `${doing} is not possible`, {
        reason,
        hint: method === 'GET' ? 'this path may want the method PUT' : 'this path may want the method GET',
      });
    default:
      return (
        explainServer(reply, question, doing, reason) ??
        new KeymountError('backend-rejected', `${doing} was rejected`, {
          reason,
          hint: wrongScheme(reply) ?? (namespace === undefined ? undefined : `the namespace is "${namespace}"`),
        })
      );
  }
}

/** The token has no use left for this read. `uses`: those of a new one. */
export function explainUsedUp(question: ReadQuestion, uses = 0, reason?: string): KeymountError {
  return new KeymountError('token-used-up', `${doingOf(question)} takes one more use of the token than it has left`, {
    reason,
    hint: `the role has token_num_uses: ${uses}, set token_num_uses: 0 or more than all that the class reads`,
  });
}

function doingOf({ path, method, role }: ReadQuestion): string {
  const verb = method === 'GET' ? 'reading' : method === 'LIST' ? 'listing' : 'writing to';
  return `${verb} ${path}${role === undefined ? '' : ` as role "${role}"`}`;
}

/** What fails in the same way for logins and reads: throttled, sealed, not working. Undefined for anything else. */
export function explainServer(
  reply: Reply,
  { server, now }: Question,
  doing: string,
  reason: string,
): KeymountError | undefined {
  const { status } = reply;
  if (status === 429) {
    const wait = retryAfter(reply, now);
    return new KeymountError('backend-throttled', `${server} asks for fewer requests, ${doing}`, {
      reason,
      retryAfter: wait === 0 ? undefined : wait,
    });
  }
  if (status < 500 && status !== 472 && status !== 473) return undefined;
  if (/\b(?:sealed|not initialized)\b/i.test(reason)) {
    return new KeymountError('backend-sealed', `${server} is sealed, ${doing}`, {
      reason,
      hint: 'its operator has to unseal it',
    });
  }
  if (status === 501) return new KeymountError('backend-rejected', `${doing} is not possible`, { reason });
  return new KeymountError('backend-unreachable', `${server} failed, ${doing}`, { reason });
}

export const notVault = 'this does not look like an answer of Vault: check the address of the server';

/** A Go server that speaks TLS says so to who does not. */
export function wrongScheme({ body, status }: Reply): string | undefined {
  return status === 400 && body.length < 200 && body.includes('HTTP request to an HTTPS server')
    ? 'the server wants TLS: its address begins with https://'
    : undefined;
}

function explainMissing(reply: Reply, { path, version, namespace }: ReadQuestion, reason: string): KeymountError {
  const body = jsonObjectOf(reply.body);
  const deleted = body === undefined ? undefined : deletedVersion(body, path);
  if (deleted !== undefined) return deleted;
  const within = namespace === undefined ? '' : ` in namespace "${namespace}"`;
  const hint = body === undefined ? notVault : undefined;
  const what = version === undefined ? `is nothing at ${path}` : `is no version ${version} of ${path}`;
  return new KeymountError('secret-missing', `there ${what}${within}`, { reason, hint });
}

function missingPolicy({ path, method, role, namespace }: ReadQuestion): string {
  const capabilities = method === 'GET' ? '"read"' : method === 'LIST' ? '"list"' : '"create", "update"';
  const whose = role === undefined ? 'the token' : `role "${role}"`;
  const within = namespace === undefined ? '' : ` in namespace "${namespace}"`;
  return `a policy of ${whose}${within} needs: path "${path}" { capabilities = [${capabilities}] }`;
}

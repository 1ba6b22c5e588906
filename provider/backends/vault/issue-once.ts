import { KeymountError } from '../../errors.ts';
import type { Message, Outcome, Reply } from '../../net/request.ts';
import type { VaultCall } from './client.ts';
import { reasonOf } from './reason.ts';
import { shownPath } from './ref.ts';
import type { Engine } from './reply.ts';

/** Engines that issue nothing, as the server names them. */
const harmless: ReadonlySet<string> = new Set(['kv', 'generic', 'cubbyhole', 'transit', 'totp', 'identity', 'system']);

/** The last of them are of Google Cloud's engine. */
const issuingReads = [
  /\/(?:creds|sts)\/[^/]+$/,
  /^[^/]+\/(?:token|key)\/[^/]+$/,
  /\/(?:roleset|static-account|impersonated-account)\/[^/]+\/(?:token|key)$/,
];

/**
 * May the request issue something, so that it must not be sent twice? Every write may, but to engines and paths that are known to
 * issue nothing. Of reads those may that the engines have for it: `database/creds/app`, `aws/sts/deploy`, `gcp/token/build`. What is
 * known to be key-value is none of them, whatever it is called. `type`: the mount's, as far as somebody has asked for it.
 */
export function mayIssue({ method, target }: VaultCall, engine: Engine, type: string | undefined): boolean {
  if (engine !== 'api' || method === 'LIST' || (type !== undefined && harmless.has(type))) return false;
  const path = shownPath(target);
  if (/^(?:sys|cubbyhole|identity|auth)\//.test(path)) return false;
  if (method === 'GET') return !path.includes('/data/') && issuingReads.some((pattern) => pattern.test(path));
  // https://developer.hashicorp.com/vault/api-docs/secret/transit; `sign` is one of pki and ssh as well.
  return !/^transit\/|\/(?:encrypt|decrypt|rewrap|verify|hmac|hash|random|datakey)\//.test(path);
}

/** It was surely not carried out, so the request may be sent again. */
export function isUndone(outcome: Outcome): boolean {
  if (outcome.unsent) return true;
  return 'reply' in outcome && (outcome.reply.status < 500 || isNotServing(outcome.reply));
}

/** A sealed or standby server says so in its own words; a proxy's 503 tells nothing of the server behind it. */
function isNotServing(reply: Reply): boolean {
  return reply.status === 503 && /sealed|standby|not active|not (?:yet )?initiali[sz]ed/i.test(reasonOf(reply, []));
}

/** The message of a request that was sent, and why nobody knows. */
export function uncertainIssue({ method, path }: Pick<Message, 'method' | 'path'>, reason: string): KeymountError {
  const what = `${method === 'GET' ? 'reading' : 'writing to'} ${shownPath(path.replace(/^\/v1\//, ''))}`;
  return new KeymountError('issue-uncertain', `nobody knows whether ${what} issued something`, {
    reason,
    hint: 'what may have been issued ends with the token of the pod or by itself; it is asked for again after 30 s, then after longer pauses',
  });
}

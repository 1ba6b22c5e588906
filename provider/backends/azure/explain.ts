import { KeymountError } from '../../errors.ts';
import type { Reply } from '../../net/request.ts';
import { retryAfter } from '../../net/retry.ts';
import { type Who, whoText } from './authority.ts';
import { codesOf, reasonOf } from './reason.ts';
import { type AzureRef, type Collection, describeRef, kindOf } from './ref.ts';

export interface ReadQuestion {
  readonly ref: AzureRef;
  /** `https://shop.vault.azure.net` */
  readonly vault: string;
  readonly verb: 'get' | 'list';
  readonly who: Who;
  /** Tokens that no message may repeat. */
  readonly secrets: readonly string[];
  /** Milliseconds since 1970, for a Retry-After that is a date. */
  readonly now: number;
}

/** Why a read did not answer 200, as a catalogue error. */
export function explainRead(reply: Reply, question: ReadQuestion): KeymountError {
  const { ref, vault, verb, who } = question;
  const reason = reasonOf(reply, question.secrets);
  const object = describeRef(verb === 'list' ? { ...ref, version: undefined, back: undefined } : ref);
  const doing = `${verb === 'list' ? 'listing the versions of' : 'reading'} ${object} of ${vault} as ${whoText(who)}`;
  const { status } = reply;
  if (status === 404) {
    return new KeymountError('secret-missing', `there is no ${object} in ${vault}`, { reason });
  }
  if (status === 403) {
    return new KeymountError('secret-denied', `${doing} was refused`, { reason, hint: hintDenied(reply, question) });
  }
  if (status === 401) {
    return new KeymountError('login-denied', `${vault} does not accept the token of ${whoText(who)}`, {
      reason,
      hint: 'check that the vault belongs to that tenant',
    });
  }
  return (
    explainServer(reply, vault, doing, reason, question.now) ??
    new KeymountError('backend-rejected', `${doing} was rejected`, { reason })
  );
}

/** What fails in the same way for logins and reads: throttled, not working, somewhere else. Undefined for anything else. */
export function explainServer(
  reply: Reply,
  server: string,
  doing: string,
  reason: string,
  now: number,
): KeymountError | undefined {
  const { status } = reply;
  if (status === 429) {
    const wait = retryAfter(reply, now);
    return new KeymountError('backend-throttled', `${server} asks for fewer requests, ${doing}`, {
      reason,
      retryAfter: wait === 0 ? undefined : wait,
    });
  }
  if (status >= 300 && status < 400) {
    return new KeymountError('backend-redirect', `will not follow the redirect of ${server}`, { reason });
  }
  return status >= 500 ? new KeymountError('backend-unreachable', `${server} failed, ${doing}`, { reason }) : undefined;
}

const roles: Readonly<Record<Collection, string>> = {
  secrets: 'Key Vault Secrets User',
  keys: 'Key Vault Crypto User',
  certificates: 'Key Vault Certificate User',
};

// https://learn.microsoft.com/azure/key-vault/general/rest-error-codes
function hintDenied(reply: Reply, { ref, vault, verb }: ReadQuestion): string {
  const codes = codesOf(reply);
  const kind = kindOf(ref.collection);
  if (codes.some((code) => /Disabled$/.test(code)) || /disabled/i.test(reasonOf(reply))) return `enable the ${kind}`;
  if (codes.includes('ForbiddenByFirewall')) return `let this cluster through the firewall of ${vault}`;
  if (codes.includes('ForbiddenByConnection')) return `${vault} is reached through its private endpoint only`;
  if (codes.includes('ForbiddenByRbac')) return `give the identity the role "${roles[ref.collection]}" on the vault`;
  return `the identity needs the permission to ${verb} ${ref.collection}: an access policy, or the role "${roles[ref.collection]}"`;
}

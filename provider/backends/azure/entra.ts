import { createHash } from 'node:crypto';
import { KeymountError } from '../../errors.ts';
import type { Address } from '../../net/address.ts';
import type { Reply } from '../../net/request.ts';
import { ownKey } from '../../util/json.ts';
import { type Authority, type Who, whoText } from './authority.ts';
import { explainServer } from './explain.ts';
import { jsonObjectOf, reasonOf } from './reason.ts';
import type { Target, Transport } from './transport.ts';

/** What is shown to Entra ID: the pod's token, or a secret. */
export type Credential = { readonly assertion: string } | { readonly secret: string };

export interface TokenRequest {
  readonly authority: Address;
  readonly tenant: string;
  readonly clientId: string;
  /** `https://vault.azure.net` */
  readonly resource: string;
  readonly credential: Credential;
  readonly who: Who;
  /** For hints: `shop/web`. */
  readonly account: string;
  /** Where it is sent instead, if there is a proxy for tokens. */
  readonly via?: Pick<Target, 'tls' | 'near'> & { readonly address: Address };
}

/**
 * The client credentials grant with a client assertion or secret:
 * https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow. Throws `login-denied`, `login-failed`
 * and what stops any request.
 */
export async function requestToken(
  request: TokenRequest,
  send: Transport,
  now: () => number,
  signal: AbortSignal,
): Promise<Authority> {
  const { authority, tenant, clientId, resource, credential, via } = request;
  const form = new URLSearchParams({
    client_id: clientId,
    scope: `${resource}/.default`,
    grant_type: 'client_credentials',
    client_info: '1',
  });
  if ('secret' in credential) form.set('client_secret', credential.secret);
  else {
    form.set('client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
    form.set('client_assertion', credential.assertion);
  }
  // AD FS of Azure Stack is a tenant of its own kind: it has no version in its path.
  const path = tenant.toLowerCase() === 'adfs' ? '/oauth2/token' : '/oauth2/v2.0/token';
  const message = {
    method: 'POST',
    path,
    headers: {
      'Content-Type': 'application/x-www-form-urlencoded',
      Accept: 'application/json',
      'User-Agent': 'keymount',
    },
    body: form.toString(),
  };
  const started = now();
  const address = addressFor(via?.address ?? authority, tenant, clientId, request.who);
  const target = { ...via, address, call: 'login' as const };
  const reply = await send(target, message, signal);
  if (reply.status !== 200) throw explainLogin(reply, request, started);
  return readToken(reply, request.who, started);
}

/**
 * Entra ID throttles each client on its own, and anybody can have their client throttled: so each has a line of its own, lest one
 * holds back the logins of all.
 */
function addressFor(authority: Address, tenant: string, clientId: string, { clientId: shown }: Who): Address {
  const prefix = `${authority.prefix}/${tenant}`;
  const client = shown ?? createHash('sha256').update(clientId).digest('hex').slice(0, 8);
  return { ...authority, prefix, text: `${authority.text}/${tenant} (client ${client})` };
}

/** Throws `login-failed`. */
export function readToken({ body }: Reply, who: Who, started: number): Authority {
  const answer = jsonObjectOf(body) ?? {};
  const token = ownKey(answer, 'access_token');
  // It becomes a header, so nothing but visible ASCII may be in it.
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) {
    throw new KeymountError('login-failed', `logging in as ${whoText(who)} gave no token`, {
      reason: 'the answer has no usable access_token',
    });
  }
  const seconds = Number(toText(ownKey(answer, 'expires_in')));
  const life = Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, 7 * 24 * 3600) : 300;
  return { token, expires: started + Math.max(life - 60, life / 2) * 1000 };
}

/** The metadata service writes numbers as texts. */
function toText(value: unknown): string {
  if (typeof value === 'string') return value;
  return typeof value === 'object' && value !== null && 'rawJSON' in value ? String(value.rawJSON) : '';
}

function explainLogin(reply: Reply, request: TokenRequest, now: number): KeymountError {
  const { who, credential, authority, via } = request;
  const shown = 'secret' in credential ? credential.secret : credential.assertion;
  const reason = reasonOf(reply, who.clientId === undefined ? [shown, request.clientId] : [shown]);
  const doing = `logging in as ${whoText(who)}`;
  const server = explainServer(reply, (via?.address ?? authority).text, doing, reason, now);
  if (server !== undefined) return server;
  return new KeymountError('login-denied', `${doing} was refused`, { reason, hint: hintOf(reason, request) });
}

// https://learn.microsoft.com/entra/identity-platform/reference-error-codes
function hintOf(reason: string, { account, tenant, credential }: TokenRequest): string | undefined {
  if (/AADSTS(?:700211|700212|700213|70021)\b/.test(reason)) {
    return `the identity needs a federated credential for the issuer of this cluster, the subject system:serviceaccount:${account.replace('/', ':')} and the audience of the token`;
  }
  if (/AADSTS(?:700016|7000229)\b/.test(reason)) return `check that it is a client id, and of tenant ${tenant}`;
  if (/AADSTS9000\d+\b/.test(reason)) return `check the tenant ${tenant}`;
  if (/AADSTS700024\b/.test(reason)) return 'check the clocks of the nodes';
  return 'secret' in credential ? 'check clientid and clientsecret of the Secret of nodePublishSecretRef' : undefined;
}

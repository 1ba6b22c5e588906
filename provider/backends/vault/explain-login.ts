import { KeymountError } from '../../errors.ts';
import type { Reply } from '../../net/request.ts';
import type { Identity } from '../backend.ts';
import { explainServer, notVault, type Question, wrongScheme } from './explain.ts';
import { reasonOf } from './reason.ts';
import { jsonObjectOf } from './reply.ts';

export interface LoginQuestion extends Question {
  readonly mount: string;
  /** Of the ServiceAccount token that was shown; undefined where none is. */
  readonly audience: string | undefined;
  readonly identity: Identity;
}

/** Why a login did not answer 200, as a catalogue error that names mount, role and audience. */
export function explainLogin(reply: Reply, question: LoginQuestion): KeymountError {
  const doing = doingOf(question);
  const reason = reasonOf(reply, question.secrets);
  // With a status of 500, though no repeat helps (vault-plugin-auth-kubernetes, validation of the issuer).
  if (/claim "?iss"? is invalid|invalid issuer/i.test(reason)) {
    const hint = `the issuer of the cluster's tokens is not the one that auth/${question.mount} expects: correct issuer there, or set disable_iss_validation`;
    return new KeymountError('login-denied', `${doing} was refused`, { reason, hint });
  }
  const server = explainServer(reply, question, doing, reason);
  if (server !== undefined) return server;
  return new KeymountError('login-denied', `${doing} was refused`, { reason, hint: hintOf(reply, question, reason) });
}

/** The login answered 200, but `what`. */
export function loginFailed(question: LoginQuestion, what: string, hint?: string): KeymountError {
  return new KeymountError('login-failed', `${doingOf(question)} gave no token`, { reason: what, hint });
}

function doingOf({ mount, role, audience }: LoginQuestion): string {
  const as = role === undefined ? '' : ` as role "${role}"`;
  const shown = audience === undefined ? '' : ` with audience "${audience}"`;
  return `logging in at auth/${mount}${as}${shown}`;
}

function hintOf(reply: Reply, question: LoginQuestion, reason: string): string | undefined {
  const { mount, role, audience, identity, namespace } = question;
  const account = `${identity.namespace}/${identity.serviceAccount}`;
  const within = namespace === undefined ? '' : ` in namespace "${namespace}"`;
  const scheme = wrongScheme(reply);
  if (scheme !== undefined) return scheme;
  if (/\baud(?:ience)?s?\b/i.test(reason)) {
    return `the token was made for audience "${audience ?? ''}": the role must accept it, or the class must name another`;
  }
  if (/expired|not valid yet|used before/i.test(reason)) return 'check the clocks of the nodes and of the server';
  if (
    role !== undefined &&
    /role/i.test(reason) &&
    /invalid|not found|could not be found|missing|unknown/i.test(reason)
  ) {
    return `check that role "${role}" exists at auth/${mount}${within}`;
  }
  if (reply.status === 404 && jsonObjectOf(reply.body) === undefined) return notVault;
  if (reply.status === 404 || /no handler for route|unsupported path/i.test(reason)) {
    return `check that an auth method is mounted at auth/${mount}${within}`;
  }
  if (/service ?account|namespace not authorized/i.test(reason)) {
    return `role "${role ?? ''}" must be bound to the ServiceAccount ${account}`;
  }
  return audience === undefined
    ? `check that auth/${mount}${within} knows these credentials`
    : `check that auth/${mount}${within} exists, trusts the tokens of this cluster and has role "${role ?? ''}", bound to the ServiceAccount ${account} and to that audience`;
}

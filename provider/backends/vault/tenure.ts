import { hash } from 'node:crypto';
import { KeymountError } from '../../errors.ts';
import { abortedError } from '../../net/aborted.ts';
import type { Reply } from '../../net/request.ts';
import type { Clock } from '../../util/clock.ts';
import { isJsonObject, type JsonObject, type JsonValue, ownKey, rawNumber, toInteger } from '../../util/json.ts';
import type { Lease, Renewal, Tenure } from '../backend.ts';
import type { VaultClient } from './client.ts';
import { explainServer } from './explain.ts';
import type { Authority } from './login.ts';
import { reasonOf } from './reason.ts';
import { shownPath } from './ref.ts';
import { refusesRenewal, saysLoginEnded } from './renewal-refused.ts';
import { jsonObjectOf } from './reply.ts';
import { Uses } from './uses.ts';

const renewSelf = 'auth/token/renew-self';

/**
 * Renewing and ending a token and its leases. All of it is in the `default` policy; `sys/leases/revoke` is not, but ending the
 * token ends its leases.
 */
export function createVaultTenure(client: VaultClient, authority: Authority, server: string, clock: Clock): Tenure {
  const { token, role, expires, loginEnds, uses } = authority;
  const isRenewable = () => authority.renewable === true && !uses.isLimited;

  async function ask(
    method: string,
    target: string,
    args: JsonObject | undefined,
    signal: AbortSignal,
  ): Promise<Reply> {
    const message = { method, target, token, ...(args === undefined ? {} : { args }) };
    return await client.send(message, signal).catch((thrown: unknown) => {
      throw signal.aborted && !(thrown instanceof KeymountError) ? abortedError(signal, server) : thrown;
    });
  }

  function checked(reply: Reply, target: string): Reply {
    if (reply.status === 200 || reply.status === 204) return reply;
    throw explain(reply, { server, token, target, role });
  }

  async function call(...[method, target, args, signal]: Parameters<typeof ask>): Promise<Reply> {
    return checked(await ask(method, target, args, signal), target);
  }

  return {
    id: hash('sha256', token, 'base64'),
    get renewable() {
      return isRenewable();
    },
    loginEnds,
    get isLimited() {
      return uses.isLimited;
    },
    async renew(lease: Lease | undefined, signal): Promise<Renewal | 'login-ended'> {
      if (uses.isLimited) throw new KeymountError('backend-rejected', 'a renewal would use the token up');
      if (lease === undefined) {
        const reply = await ask('POST', renewSelf, {}, signal);
        if (saysLoginEnded(reply, loginEnds, clock.now())) return 'login-ended';
        const auth = fieldsOf(ownKey(bodyOf(checked(reply, renewSelf)), 'auth'));
        uses.learn(toInteger(ownKey(auth, 'num_uses')));
        if (uses.isLimited) uses.leased();
        const renewal = renewalOf(auth);
        return { ...renewal, renewable: renewal.renewable && !uses.isLimited };
      }
      return renewalOf(bodyOf(await call('PUT', 'sys/leases/renew', { lease_id: lease.id }, signal)));
    },
    async takeBack(what, signal) {
      const [at, serial] = ['at', 'serial'].map((name) => ownKey(what, name));
      if (typeof at !== 'string' || typeof serial !== 'string') return;
      await call('PUT', at, { serial_number: serial }, signal);
    },
    async revoke(signal) {
      await call('POST', 'auth/token/revoke-self', undefined, signal);
    },
    toState: () => ({
      token,
      renewable: isRenewable(),
      ...(uses.limit === undefined ? {} : { uses: rawNumber(String(uses.limit)) }),
      ...(role === undefined ? {} : { role }),
      ...(expires === undefined ? {} : { expires: rawNumber(String(Math.round(expires))) }),
      ...(loginEnds === undefined ? {} : { loginEnds: rawNumber(String(Math.round(loginEnds))) }),
    }),
  };
}

/** The authority that `toState` wrote. Throws for anything else. */
export function authorityFrom(state: JsonObject): Authority {
  const token = ownKey(state, 'token');
  const role = ownKey(state, 'role');
  if (typeof token !== 'string') throw new KeymountError('internal', 'the stored session has no token');
  return {
    token,
    role: typeof role === 'string' ? role : undefined,
    expires: toInteger(ownKey(state, 'expires')),
    loginEnds: toInteger(ownKey(state, 'loginEnds')),
    renewable: ownKey(state, 'renewable') === true,
    // It was a pod's own, or it would not have been stored.
    serviceAccountUid: undefined,
    uses: Uses.resumed(toInteger(ownKey(state, 'uses')) ?? 0),
  };
}

function renewalOf(fields: JsonObject): Renewal {
  const duration = toInteger(ownKey(fields, 'lease_duration'));
  if (duration === undefined)
    throw new KeymountError('backend-reply-invalid', 'the answer to a renewal has no lease_duration');
  return { duration, renewable: ownKey(fields, 'renewable') === true };
}

function bodyOf({ body }: Reply): JsonObject {
  return jsonObjectOf(body) ?? {};
}

function fieldsOf(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

interface TenureCall {
  readonly server: string;
  readonly token: string;
  readonly target: string;
  readonly role: string | undefined;
}

/** 400 is what Vault and OpenBao say of a lease, and 403 of a token, that they do not know (any more). */
function explain(reply: Reply, { server, token, target, role }: TenureCall): KeymountError {
  const path = shownPath(target);
  const isOwn = path.startsWith('auth/token/') || path.startsWith('sys/leases/');
  const doing = isOwn
    ? path === 'auth/token/revoke-self'
      ? 'ending a token'
      : 'renewing'
    : `revoking a certificate at ${path}`;
  const reason = reasonOf(reply, [token]);
  if (isPolicyRefusal(reply)) {
    const whose = role === undefined ? 'the token' : `role "${role}"`;
    return new KeymountError('backend-rejected', `${doing} was refused`, {
      reason,
      hint: `a policy of ${whose} needs: path "${path}" { capabilities = ["update"] }${isOwn ? '; the policy "default" has it' : ''}`,
    });
  }
  if (refusesRenewal(reply)) {
    return new KeymountError('backend-unreachable', `${server} could not look at the login of a token, ${doing}`, {
      reason,
      hint: "it asks the Kubernetes API about the pod's ServiceAccount token at each renewal: can it reach that, and is the token's pod there?",
    });
  }
  if (reply.status === 403 || (reply.status === 400 && /lease not found|invalid lease/i.test(reason))) {
    return new KeymountError('lease-lost', `${doing} failed, it is gone`, { reason });
  }
  const question = { server, namespace: undefined, role: undefined, secrets: [token], now: 0 };
  return (
    explainServer(reply, question, doing, reason) ??
    new KeymountError('backend-rejected', `${doing} was rejected`, { reason })
  );
}

/**
 * Is it the policy that says no? Both servers answer 403 then as well, but in the words of Go's multierror and with this one error;
 * of a token that they do not know they say `permission denied` alone, or `invalid token` beside it.
 */
function isPolicyRefusal({ status, body }: Reply): boolean {
  const errors = ownKey(jsonObjectOf(body) ?? {}, 'errors');
  const [only, ...others] = Array.isArray(errors) ? errors : [];
  return (
    status === 403 &&
    others.length === 0 &&
    typeof only === 'string' &&
    /^1 error occurred:\s*\* permission denied\s*$/.test(only)
  );
}

import { hash } from 'node:crypto';
import type { Source } from '../plan/plan.ts';
import type { Caller } from './caller.ts';
import type { Connection } from './connections.ts';

/** What a session belongs to, as keys of the session cache. */
export interface SessionKeys {
  /** The pod's own. */
  readonly pod: string;
  /** That of all pods of its ServiceAccount, where it is proven and the backend knows accounts. */
  readonly account: string | undefined;
  /** What the scope of a login is remembered by: it is the same for everybody with this connection, role and audience. */
  readonly login: string;
}

/**
 * Keys hold what is proven. An unproven pod gets only what it logged in for itself, with the very token that it shows: anybody
 * can write another pod's uid into attributes.
 */
export function sessionKeys(connection: Connection, source: Source, caller: Caller): SessionKeys {
  const login = loginKey(connection, source);
  const known = callersKeys.get(caller) ?? new Map<string, SessionKeys>();
  let keys = known.get(login);
  if (keys === undefined) {
    keys = makeKeys(connection, login, caller);
    callersKeys.set(caller, known.set(login, keys));
  }
  return keys;
}

/** Most Mounts come again as they were: then the caller is the same object, and so are its keys. */
const callersKeys = new WeakMap<Caller, Map<string, SessionKeys>>();

function makeKeys(connection: Connection, login: string, caller: Caller): SessionKeys {
  const { identity, tokens, publishSecrets } = caller;
  const { namespace, serviceAccount, serviceAccountUid, podUid, proven } = identity;
  const shown = [...(proven ? [] : tokens), ...publishSecrets].map(([name, value]) => [name, value.reveal()]);
  const proof = shown.length === 0 ? '' : hash('sha256', JSON.stringify(shown), 'base64');
  const who = JSON.stringify([namespace, serviceAccount, serviceAccountUid, proof]);
  const mayShare =
    proven && publishSecrets.size === 0 && connection.backend.scopeOf(connection.settings) === 'serviceAccount';
  return {
    pod: `${login} pod ${podUid} ${who}`,
    account: mayShare ? `${login} account ${who}` : undefined,
    login,
  };
}

/** A source has one connection for good, so this is worked out once for all Mounts of its class. */
const loginKeys = new WeakMap<Source, { readonly connection: string; readonly key: string }>();

/** The digest of connection, role and audience: their text is long, and would be kept for every pod. */
function loginKey({ key: connection }: Connection, source: Source): string {
  const known = loginKeys.get(source);
  if (known?.connection === connection) return known.key;
  const key = hash('sha256', JSON.stringify([connection, source.accessKey]), 'base64');
  loginKeys.set(source, { connection, key });
  return key;
}

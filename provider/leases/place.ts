import { sessionKeys } from '../sessions/session-key.ts';
import type { Held, Wish } from '../sessions/sessions.ts';
import type { Tenant } from './tenant.ts';

/** Whose token it is, where it is stored, and the session that has it. */
export type Place = Pick<
  Tenant,
  'id' | 'sessionKey' | 'loginKey' | 'podUid' | 'namespace' | 'server' | 'isStrangers' | 'held'
>;

/** `id`: of the record. */
export function placeOf(id: string, held: Held, { connection, source, caller }: Wish): Place {
  const { pod: sessionKey, login: loginKey } = sessionKeys(connection, source, caller);
  const { podUid, namespace } = caller.identity;
  const isStrangers = connection.backend.isChosenByClass?.(connection.settings) === true;
  const server = connection.backend.titleOf?.(connection.settings);
  return { id, sessionKey, loginKey, podUid, namespace, server, isStrangers, held };
}

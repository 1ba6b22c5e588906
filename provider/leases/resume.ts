import type { BackendDeps } from '../backends/backend.ts';
import { KeymountError, toKeymountError } from '../errors.ts';
import type { Connections } from '../sessions/connections.ts';
import type { Secrets } from '../sessions/secrets.ts';
import type { Held, Sessions } from '../sessions/sessions.ts';
import type { JsonObject } from '../util/json.ts';
import type { Leases } from './leases.ts';
import { fromRecord, type StoredTenant, sourceOf } from './record.ts';
import type { Leased } from './tenant.ts';
import { Tenant } from './tenant.ts';

export interface ResumeDeps {
  readonly leases: Leases;
  readonly connections: Connections;
  readonly sessions: Sessions;
  readonly secrets: Secrets;
  readonly backendDeps: BackendDeps;
  /** A record that cannot be taken up. It stays on disk: its connection may come back. */
  readonly onUnusable: (id: string, error: KeymountError) => void;
}

/** Takes up what another process left behind: no login, no new lease, the renewals go on. Never rejects. */
export async function resumeTenants(
  records: readonly { key: string; record: JsonObject }[],
  deps: ResumeDeps,
): Promise<void> {
  for (const { key, record } of records) {
    try {
      const stored = fromRecord(record, deps.leases.times);
      if (stored === undefined) throw new KeymountError('internal', 'it is no record of a pod');
      await resumeTenant(stored, deps);
    } catch (thrown) {
      deps.onUnusable(key, toKeymountError(thrown));
    }
  }
}

async function resumeTenant(stored: StoredTenant, deps: ResumeDeps): Promise<void> {
  const { leases, connections, sessions, secrets, backendDeps } = deps;
  const source = sourceOf(stored);
  const { backend, settings } = await connections.resolve(stored.access.connection);
  if (backend.resume === undefined) throw new KeymountError('internal', 'its backend keeps no leases');
  const session = await backend.resume(settings, stored.session, backendDeps);
  if (session.tenure === undefined) throw new KeymountError('internal', 'its session cannot be kept');
  const held: Held = {
    id: sessions.nextId(),
    session,
    scope: 'pod',
    ends: Number.POSITIVE_INFINITY,
    denied: new Set(),
    secrets: new Map(),
  };
  const leased = stored.leased.map(({ key, secret, life, readAt }): [string, Leased] => {
    const cached = secrets.numbered(secret, readAt);
    return [key, { cached, life, lost: false, jitter: backendDeps.random() }];
  });
  const { id, sessionKey, loginKey, identity, token } = stored;
  const place = { id, sessionKey, loginKey, podUid: identity.podUid, held };
  const tenant = new Tenant(place, session.tenure, token, leased, leases.tenantDeps, stored.debts);
  if (stored.replaced) tenant.retire();
  const caller = { identity, tokens: new Map(), volume: '', publishSecrets: new Map() };
  leases.adopt(tenant, { source, caller });
}

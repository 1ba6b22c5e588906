import { depsOf, type SharedDeps } from '../backends/backend.ts';
import { KeymountError, toKeymountError } from '../errors.ts';
import type { Connections } from '../sessions/connections.ts';
import type { Secrets } from '../sessions/secrets.ts';
import type { Held, Sessions } from '../sessions/sessions.ts';
import type { JsonObject } from '../util/json.ts';
import { keptSize } from './kept-secret.ts';
import type { Leases } from './leases.ts';
import { type LeaseLimits, leaseLimits } from './limits.ts';
import { withLogin } from './outlook.ts';
import { fromRecord, type StoredTenant, sourceOf, withLives } from './record.ts';
import { type Leased, Tenant } from './tenant.ts';

export interface ResumeDeps {
  readonly leases: Leases;
  readonly connections: Connections;
  readonly sessions: Sessions;
  readonly secrets: Secrets;
  readonly backendDeps: SharedDeps;
  /** A record that cannot be taken up. It stays on disk: its connection may come back. */
  readonly onUnusable: (id: string, error: KeymountError) => void;
  /** Default: `leaseLimits`. */
  readonly limits?: LeaseLimits;
}

/** A record as it was read, and what was written of it since. */
interface Written {
  readonly key: string;
  readonly record: JsonObject;
  readonly lives?: JsonObject | undefined;
}

/** Takes up what another process left behind: no login, no new lease, the renewals go on. Never rejects. */
export async function resumeTenants(
  records: AsyncIterable<Written> | Iterable<Written>,
  deps: ResumeDeps,
): Promise<void> {
  let room = (deps.limits ?? leaseLimits).node.bytes;
  for await (const { key, record, lives } of records) {
    try {
      const stored = fromRecord(withLives(record, lives), deps.leases.times);
      if (stored === undefined) throw new KeymountError('internal', 'it is no record of a pod');
      room -= stored.leased.reduce((sum, { secret }) => sum + keptSize(secret), 0);
      // Its pod gets new ones; the token is still to be ended with the pod.
      await resumeTenant(room >= 0 ? stored : { ...stored, leased: [] }, deps);
      if (room < 0)
        deps.onUnusable(key, new KeymountError('too-many-credentials', 'its secrets are more than may be kept'));
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
  const server = backend.titleOf?.(settings);
  // Its token is for the server that gave it and for no other.
  if (stored.server !== undefined && stored.server !== server)
    throw new KeymountError(
      'lease-lost',
      `its server was ${stored.server}, and its connection has another address now`,
    );
  const session = await backend.resume(settings, stored.session, depsOf(backend, backendDeps));
  if (session.tenure === undefined) throw new KeymountError('internal', 'its session cannot be kept');
  const held: Held = {
    id: sessions.nextId(),
    session,
    scope: 'pod',
    ends: Number.POSITIVE_INFINITY,
    denied: new Set(),
    secrets: new Map(),
  };
  const leased = stored.leased.map(({ key, secret, life, readAt, keys, volume }): [string, Leased] => {
    const cached = secrets.numbered(secret, readAt);
    const bytes = keptSize(secret);
    return [key, { cached, keys, bytes, volume, life, lost: false, jitter: backendDeps.random() }];
  });
  const { id, sessionKey, loginKey, identity } = stored;
  const { podUid, namespace } = identity;
  const isStrangers = backend.isChosenByClass?.(settings) === true;
  const place = { id, sessionKey, loginKey, podUid, namespace, server, isStrangers, held };
  const { tenantDeps } = leases;
  if (stored.endsWithLogin) tenantDeps.loginEnds.refused(server);
  const token = withLogin(stored.token, session.tenure, leases.times);
  const tenant = new Tenant(place, session.tenure, token, leased, tenantDeps, stored.debts);
  if (stored.replaced) tenant.retire();
  const caller = { identity, tokens: new Map(), volume: '', publishSecrets: new Map() };
  leases.adopt(tenant, { source, caller }, stored.saves);
}

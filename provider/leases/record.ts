import type { Identity, Secret } from '../backends/backend.ts';
import type { Access, Source } from '../plan/plan.ts';
import type { Wish } from '../sessions/sessions.ts';
import { isJsonObject, type JsonObject, type JsonValue, ownKey } from '../util/json.ts';
import type { Debt } from './debts.ts';
import { number, toNumber } from './json-number.ts';
import type { Life } from './life.ts';
import type { Times } from './outlook.ts';
import { fromSecret, toSecret } from './stored-secret.ts';
import type { Tenant } from './tenant.ts';

/** A tenant as it is stored, sealed: enough for another process to go on with it. Holds secrets and a token. */
export type TenantRecord = JsonObject;

/** Where tenants survive the process. */
export interface LeaseStore {
  readonly save: (id: string, record: TenantRecord) => Promise<void>;
  /** Lives of a record that was saved, in place of those in it. */
  readonly saveLives: (id: string, lives: JsonObject) => Promise<void>;
  /** Files and bytes in the directory. */
  readonly usage: () => { readonly files: number; readonly bytes: number };
  readonly remove: (id: string) => Promise<void>;
}

/** What a record says. */
export interface StoredTenant {
  readonly id: string;
  readonly sessionKey: string;
  readonly loginKey: string;
  /** Undefined: the backend has no addresses, or the record is one of 0.1. */
  readonly server: string | undefined;
  readonly replaced: boolean;
  /** Its server renewed tokens no further than the login that they came from. */
  readonly endsWithLogin: boolean;
  readonly identity: Identity;
  readonly access: Access;
  readonly accessKey: string;
  readonly session: JsonObject;
  readonly token: Life;
  readonly leased: readonly {
    readonly key: string;
    readonly secret: Secret;
    readonly life: Life;
    readonly readAt: number;
    readonly volume: string;
    readonly keys: readonly string[] | undefined;
  }[];
  readonly debts: readonly Debt[];
  /** How often it was written whole. */
  readonly saves: number;
}

/** What of a tenant is stored. */
export type Storable = Pick<
  Tenant,
  'id' | 'sessionKey' | 'loginKey' | 'server' | 'replaced' | 'tenure' | 'token' | 'leased' | 'debts'
> &
  Partial<Pick<Tenant, 'endsWithLogin'>>;

/** The steady clock is of one process; on disk all times are of the machine's. */
export function toRecord(
  tenant: Storable,
  { source, caller }: Pick<Wish, 'source' | 'caller'>,
  { steady, wall }: Times,
  saves: number,
): TenantRecord {
  const ahead = wall - steady;
  // An earlier token's secrets are served to nobody after a restart.
  const leased = tenant.replaced ? [] : [...tenant.leased].filter(([, { lost }]) => !lost);
  return {
    id: tenant.id,
    sessionKey: tenant.sessionKey,
    loginKey: tenant.loginKey,
    ...(tenant.server === undefined ? {} : { server: tenant.server }),
    replaced: tenant.replaced,
    ...(tenant.endsWithLogin ? { endsWithLogin: true } : {}),
    identity: plain(caller.identity),
    access: plain(source.access),
    accessKey: source.accessKey,
    session: tenant.tenure.toState(),
    token: fromLife(tenant.token, ahead),
    leased: leased.map(([key, { cached, keys, volume, life }]) => ({
      key,
      life: fromLife(life, ahead),
      readAt: number(cached.readAt),
      secret: fromSecret(cached.secret),
      volume,
      ...(keys === undefined ? {} : { keys: [...keys] }),
    })),
    saves: number(saves),
    debts: [...tenant.debts].map(({ what, end }) => ({ what, end: number(end) })),
  };
}

/** What changes with every renewal, of the record that was written as the `saves`-th. */
export function toLives(
  { tenure, token, leased }: Pick<Tenant, 'tenure' | 'token' | 'leased'>,
  { steady, wall }: Times,
  saves: number,
): JsonObject {
  const ahead = wall - steady;
  return {
    saves: number(saves),
    session: tenure.toState(),
    token: fromLife(token, ahead),
    leased: [...leased]
      .filter(([, { lost }]) => !lost)
      .map(([key, { life }]) => ({ key, life: fromLife(life, ahead) })),
  };
}

/** A record with the lives that were written after it. */
export function withLives(record: JsonObject, lives: JsonObject | undefined): JsonObject {
  if (lives === undefined || JSON.stringify(ownKey(lives, 'saves')) !== JSON.stringify(ownKey(record, 'saves')))
    return record;
  const [session, token, later, leased] = [
    ownKey(lives, 'session'),
    ownKey(lives, 'token'),
    ownKey(lives, 'leased'),
    ownKey(record, 'leased'),
  ];
  if (!isJsonObject(session) || !isJsonObject(token) || !Array.isArray(later) || !Array.isArray(leased)) return record;
  const byKey = new Map(
    later.filter(isJsonObject).map((entry) => [ownKey(entry, 'key'), ownKey(entry, 'life') ?? null]),
  );
  return {
    ...record,
    session,
    token,
    leased: leased
      .filter(isJsonObject)
      .filter((entry) => byKey.has(ownKey(entry, 'key')))
      .map((entry) => ({ ...entry, life: byKey.get(ownKey(entry, 'key')) ?? null })),
  };
}

/** Undefined for anything that is not a record. */
export function fromRecord(record: JsonValue, { steady, wall }: Times): StoredTenant | undefined {
  if (!isJsonObject(record)) return undefined;
  const text = (name: string) => {
    const value = ownKey(record, name);
    return typeof value === 'string' ? value : undefined;
  };
  const [identity, access, session, token, leased] = ['identity', 'access', 'session', 'token', 'leased'].map((name) =>
    ownKey(record, name),
  );
  const id = text('id');
  const sessionKey = text('sessionKey');
  const accessKey = text('accessKey');
  const loginKey = text('loginKey') ?? '';
  if (id === undefined || sessionKey === undefined || accessKey === undefined) return undefined;
  if (
    !isJsonObject(identity) ||
    !isJsonObject(access) ||
    !isJsonObject(session) ||
    !isJsonObject(token) ||
    !Array.isArray(leased)
  ) {
    return undefined;
  }
  const debts = ownKey(record, 'debts');
  return {
    id,
    sessionKey,
    loginKey,
    accessKey,
    server: text('server'),
    replaced: ownKey(record, 'replaced') === true,
    endsWithLogin: ownKey(record, 'endsWithLogin') === true,
    // Sealed and authenticated, so it is what this program wrote.
    identity: identity as unknown as Identity,
    access: access as unknown as Access,
    session,
    token: toLife(token, steady - wall),
    leased: leased.filter(isJsonObject).map((entry) => ({
      key: String(ownKey(entry, 'key')),
      life: toLife(ownKey(entry, 'life'), steady - wall),
      readAt: toNumber(ownKey(entry, 'readAt')),
      secret: toSecret(ownKey(entry, 'secret')),
      ...keptOf(entry),
    })),
    saves: Number.isFinite(toNumber(ownKey(record, 'saves'))) ? toNumber(ownKey(record, 'saves')) : 0,
    // Records of 0.1 have none.
    debts: (Array.isArray(debts) ? debts : []).filter(isJsonObject).flatMap((debt) => {
      const what = ownKey(debt, 'what');
      return isJsonObject(what) ? [{ what, end: toNumber(ownKey(debt, 'end')) }] : [];
    }),
  };
}

/** Records of 0.1 are whole, and of no volume that counts. */
function keptOf(entry: JsonObject): { volume: string; keys: readonly string[] | undefined } {
  const [volume, keys] = [ownKey(entry, 'volume'), ownKey(entry, 'keys')];
  return {
    volume: typeof volume === 'string' ? volume : '',
    keys: Array.isArray(keys) ? keys.filter((key) => typeof key === 'string') : undefined,
  };
}

/** A source that stands for an access, where only that is known. */
export function sourceOf({ access, accessKey }: StoredTenant): Source {
  return { access, accessKey, address: '', key: accessKey, at: { path: 'objects' } };
}

function fromLife({ issuedAt, end, duration, renewable }: Life, ahead: number): JsonObject {
  return { issuedAt: number(issuedAt + ahead), end: number(end + ahead), duration: number(duration), renewable };
}

function toLife(value: JsonValue | undefined, ahead: number): Life {
  const life = isJsonObject(value) ? value : {};
  return {
    issuedAt: toNumber(ownKey(life, 'issuedAt')) + ahead,
    end: toNumber(ownKey(life, 'end')) + ahead,
    duration: toNumber(ownKey(life, 'duration')),
    renewable: ownKey(life, 'renewable') === true,
  };
}

function plain(value: object): JsonObject {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as JsonObject;
}

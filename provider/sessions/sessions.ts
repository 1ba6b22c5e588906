import { LRUCache } from 'lru-cache';
import { depsOf, type Session, type SharedDeps, type Tenure } from '../backends/backend.ts';
import { type Code, toKeymountError } from '../errors.ts';
import type { Source } from '../plan/plan.ts';
import { Flights } from '../util/flight.ts';
import type { Caller } from './caller.ts';
import type { Connection } from './connections.ts';
import { Endings } from './endings.ts';
import { type LoginSources, loginOf } from './login-of.ts';
import { type SessionKeys, sessionKeys } from './session-key.ts';
import type { UncertainIssue } from './uncertain.ts';

/** A session in use, and what is known of it. */
export interface Held {
  /** Unique in this process. */
  readonly id: number;
  readonly session: Session;
  /** Whose it is: all pods of a ServiceAccount, or one pod. */
  readonly scope: 'serviceAccount' | 'pod';
  /** When it is over, in milliseconds of the clock. Infinity while a keeper looks after it. */
  ends: number;
  /** Keys of sources that were refused to a session newer than the refusal before: no login helps them. */
  readonly denied: Set<string>;
  /** Reads that may have issued something without an answer, by the keys of their sources. */
  uncertain?: Map<string, UncertainIssue>;
  /** Its secrets in the cache: their numbers by the keys of their sources. */
  readonly secrets: Map<string, number>;
}

/** Who wants a session for what. */
export interface Wish {
  readonly connection: Connection;
  /** Any source of the access. */
  readonly source: Source;
  readonly caller: Caller;
  /** Never one that is shared with other pods. */
  readonly ownOnly?: boolean;
}

export interface SessionsOptions extends LoginSources {
  readonly deps: SharedDeps;
  /** Milliseconds after which a session is replaced by a new login, so that changed roles take effect. */
  readonly maxAge: number;
  readonly onEnd: (held: Held) => void;
  /** Told of every login, with all its tries, by the kind of its connection. */
  readonly onLogin?: ((login: { readonly backend: string; readonly code: 'ok' | Code }) => void) | undefined;
  /** Milliseconds that a Mount may take, 110 s unless told. */
  readonly mountTimeout?: number;
  /** Sessions kept, 1,000 unless told: a node has a few hundred pods, and those of pods that are gone go first. */
  readonly max?: number;
}

/** Milliseconds between looks for sessions that are over. */
const sweepEvery = 60_000;

const usualMountTimeout = 110_000;
/** Milliseconds for which a session that was replaced is left alone beyond that. */
const afterMount = 40_000;

/** A session is not used for the last bit of its life: what it reads must still be answered. */
const margin = 2_000;

/**
 * The sessions of all pods. Logins are shared by those who may share what comes of them; no session is renewed, it ends with its
 * token or after `maxAge`. The least recently used ones go.
 */
export class Sessions {
  readonly #options: SessionsOptions;
  readonly #endings: Endings;
  readonly #held: LRUCache<string, Held>;
  /** Those that a keeper looks after: no other session takes their place for want of room. */
  readonly #kept = new Map<string, Held>();
  readonly #logins = new Flights<{ held: Held; key: string }>();
  /** What logins turned out to be: a mount's name does not say whether it is of the kubernetes or the jwt method. */
  readonly #scopes = new LRUCache<string, Held['scope']>({ max: 1000 });
  #leaving = false;
  #lastId = 0;
  #swept = 0;

  constructor(options: SessionsOptions) {
    this.#options = options;
    const grace = (options.mountTimeout ?? usualMountTimeout) + afterMount;
    this.#endings = new Endings(options.deps.clock, grace, (tenure) => this.#isInUse(tenure));
    this.#held = new LRUCache({ max: options.max ?? 1_000, dispose: (held) => this.#end(held) });
  }

  /** Sessions by whose they are. */
  count(): { account: number; pod: number } {
    const counts = { account: 0, pod: 0 };
    for (const { scope } of this.#all()) counts[scope === 'pod' ? 'pod' : 'account']++;
    return counts;
  }

  /** A session that is there, or a new one; `fresh` says that it was made for this wish. */
  async get(wish: Wish, signal: AbortSignal): Promise<{ held: Held; fresh: boolean }> {
    const keys = sessionKeys(wish.connection, wish.source, wish.caller);
    const shared = wish.ownOnly || keys.account === undefined ? undefined : this.#usable(keys.account);
    const held = shared ?? this.#usable(keys.pod);
    if (held !== undefined && !(wish.ownOnly && held.scope !== 'pod')) return { held, fresh: false };
    return { held: await this.#login(wish, keys, signal), fresh: true };
  }

  /** A new session in place of one that lost its authority. Callers who lost the same one share the login. */
  async replace(lost: Held, wish: Wish, signal: AbortSignal): Promise<Held> {
    const keys = sessionKeys(wish.connection, wish.source, wish.caller);
    const key = lost.scope === 'serviceAccount' ? keys.account : keys.pod;
    const current = key === undefined ? undefined : this.#usable(key);
    if (current !== undefined && current !== lost) return current;
    return await this.#login({ ...wish, ownOnly: lost.scope === 'pod' }, keys, signal);
  }

  /**
   * A keeper looks after it, one of here or one that another process left behind: it stays until it is dropped or replaced. Where
   * another one has taken its place already, it only never ends by its age.
   */
  keep(key: string, held: Held): void {
    held.ends = Number.POSITIVE_INFINITY;
    const present = this.#kept.get(key) ?? this.#held.peek(key);
    if (present !== undefined && present !== held) return;
    this.#kept.set(key, held);
    this.#leave(key);
  }

  /** It must not be used any more. */
  drop(key: string, held: Held): void {
    if (this.#held.peek(key) === held) this.#held.delete(key);
    if (this.#kept.get(key) !== held) return;
    this.#kept.delete(key);
    this.#end(held);
  }

  nextId(): number {
    return ++this.#lastId;
  }

  /** Another process goes on with what pods have: from now on no token is ended here. */
  letGo(): void {
    this.#endings.close();
  }

  close(): void {
    this.#endings.close();
    this.#held.clear();
    for (const [key, held] of this.#kept) this.drop(key, held);
  }

  *#all(): Iterable<Held> {
    yield* this.#held.values();
    yield* this.#kept.values();
  }

  /** Out of those that make room for each other, without coming to its end. */
  #leave(key: string): void {
    this.#leaving = true;
    this.#held.delete(key);
    this.#leaving = false;
  }

  #usable(key: string): Held | undefined {
    const held = this.#kept.get(key) ?? this.#held.get(key);
    if (held === undefined || held.ends - margin > this.#options.deps.clock.now()) return held;
    this.#held.delete(key);
    return undefined;
  }

  async #login(wish: Wish, keys: SessionKeys, signal: AbortSignal): Promise<Held> {
    const own = wish.ownOnly || keys.account === undefined || this.#scopes.get(keys.login) === 'pod';
    const start = (shared: AbortSignal) => this.#connect(wish, keys, shared);
    // Who wants one for itself alone must not join a login that may turn out to be shared.
    const flight = wish.ownOnly ? `own ${keys.pod}` : own ? keys.pod : (keys.account ?? keys.pod);
    const first = await this.#logins.run(flight, signal, start);
    if (first.held.scope === 'serviceAccount' || first.key === keys.pod) return first.held;
    // The login turned out to be another pod's own.
    return (await this.#logins.run(keys.pod, signal, start)).held;
  }

  async #connect(wish: Wish, keys: SessionKeys, signal: AbortSignal): Promise<{ held: Held; key: string }> {
    const { caller, ownOnly } = wish;
    const { deps, maxAge } = this.#options;
    this.#sweep();
    const session = await this.#logIn(wish, signal);
    const { serviceAccountUid } = session;
    const isAccounts = serviceAccountUid !== undefined && serviceAccountUid === caller.identity.serviceAccountUid;
    if (keys.account !== undefined) this.#scopes.set(keys.login, isAccounts ? 'serviceAccount' : 'pod');
    const scope = isAccounts && !ownOnly && keys.account !== undefined ? 'serviceAccount' : 'pod';
    const key = scope === 'serviceAccount' ? (keys.account ?? keys.pod) : keys.pod;
    const ends = Math.min(session.expires ?? Number.POSITIVE_INFINITY, deps.clock.now() + maxAge);
    const held: Held = { id: this.nextId(), session, scope, ends, denied: new Set(), secrets: new Map() };
    const replaced = this.#kept.get(key);
    if (replaced !== undefined) this.drop(key, replaced);
    this.#held.set(key, held);
    return { held, key };
  }

  async #logIn(wish: Wish, signal: AbortSignal): Promise<Session> {
    const { backend, settings } = wish.connection;
    const { deps, onLogin } = this.#options;
    try {
      const session = await backend.connect(settings, loginOf(wish, this.#options), depsOf(backend, deps), signal);
      onLogin?.({ backend: backend.kind, code: 'ok' });
      return session;
    } catch (thrown) {
      onLogin?.({ backend: backend.kind, code: toKeymountError(thrown).code });
      throw thrown;
    }
  }

  /** Nobody asks again for the sessions of pods that are gone. */
  #sweep(): void {
    const now = this.#options.deps.clock.now();
    if (now - this.#swept < sweepEvery) return;
    this.#swept = now;
    const over = [...this.#held.entries()].filter(([, { ends }]) => ends <= now);
    for (const [key] of over) this.#held.delete(key);
  }

  #isInUse({ id }: Tenure): boolean {
    return [...this.#all()].some(({ session }) => session.tenure?.id === id);
  }

  #end(held: Held): void {
    if (this.#leaving) return;
    this.#options.onEnd(held);
    held.session.close();
    this.#endings.add(held);
  }
}

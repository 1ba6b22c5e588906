import type { Secret } from '../backends/backend.ts';
import { type KeymountError, toKeymountError } from '../errors.ts';
import type { Source } from '../plan/plan.ts';
import type { Clock } from '../util/clock.ts';
import { Flights } from '../util/flight.ts';
import { type Batch, Batches } from './batch.ts';
import type { Caller } from './caller.ts';
import type { Connection, Connections } from './connections.ts';
import { isRefusal, rememberDenied } from './denied.ts';
import { Expecting } from './expecting.ts';
import { failureOf } from './failure.ts';
import { isFresh, mayServeStale } from './freshness.ts';
import { type Keeper, needsKeeping } from './keeper.ts';
import { checkAllowed } from './permission.ts';
import { remembered } from './remembered.ts';
import type { CachedSecret, Secrets } from './secrets.ts';
import type { Held, Sessions } from './sessions.ts';
import { checkCertain, rememberUncertain } from './uncertain.ts';
import { withUses } from './uses.ts';

/** What became of one read. `ofSession`: there was no session, so every read of this access fails alike. */
export type ReadOutcome =
  | { readonly secret: Secret; readonly number: number; readonly address: string; readonly from: Origin }
  | { readonly error: KeymountError; readonly ofSession: boolean };

/** `backend`: read for this Mount, perhaps shared with others; `stale`: outdated, because the backend is away. */
export type Origin = 'backend' | 'cache' | 'stale';

export interface ReadsOptions {
  readonly connections: Connections;
  readonly sessions: Sessions;
  readonly secrets: Secrets;
  readonly keeper: Keeper;
  readonly clock: Clock;
  /** Milliseconds for which a secret is served from memory where its class says nothing. */
  readonly refreshInterval: number;
}

/** A source on its way: parsed, and with the session that it is to be read through. */
interface Placed {
  readonly source: Source;
  readonly connection: Connection;
  readonly caller: Caller;
  /** Milliseconds; where the class says nothing. */
  readonly interval: number;
  readonly ref: unknown;
  readonly held: Held;
  readonly expecting: Expecting;
  /** The session was made for this Mount: another login would not give more. */
  readonly fresh: boolean;
}

type ReadResult = CachedSecret & { readonly from: Origin };

/** Reads sources through the caller's sessions, from memory where that is right. */
export class Reads {
  readonly #options: ReadsOptions;
  readonly #flights = new Flights<CachedSecret>();
  /** Sources belong to plans, which are kept, and each has one connection for good. */
  readonly #refs = new WeakMap<Source, unknown>();

  constructor(options: ReadsOptions) {
    this.#options = options;
  }

  /** All sources of one access, side by side. Never rejects. */
  async readAll(caller: Caller, sources: readonly Source[], signal: AbortSignal): Promise<ReadOutcome[]> {
    const [first] = sources;
    if (first === undefined) return [];
    let connection: Connection | undefined;
    try {
      connection = await this.#options.connections.resolve(first.access.connection);
      checkAllowed(connection, caller.identity, sources);
      const wish = { connection, source: first, caller };
      const held = await this.#options.sessions.get(wish, signal);
      const interval = connection.backend.refreshInterval ?? this.#options.refreshInterval;
      return (
        remembered(this.#options, held.held, caller.volume, sources, interval) ??
        (await this.#readThrough(
          connection,
          caller,
          sources,
          await withUses(this.#options, held, wish, sources, interval, signal),
          interval,
          signal,
        ))
      );
    } catch (thrown) {
      const error = failureOf(thrown, signal, connection);
      const placed = error.at === undefined ? error.placed(first.at) : error;
      return sources.map(() => ({ error: placed, ofSession: true }));
    }
  }

  /** What has to be read of one session is started as one batch. */
  async #readThrough(
    connection: Connection,
    caller: Caller,
    sources: readonly Source[],
    first: { held: Held; fresh: boolean },
    interval: number,
    signal: AbortSignal,
  ): Promise<ReadOutcome[]> {
    const expecting = new Expecting(this.#options.keeper);
    const failed = (thrown: unknown): ReadOutcome => ({
      error: failureOf(thrown, signal, connection),
      ofSession: false,
    });
    const places = await Promise.all(
      sources.map(async (source): Promise<Placed | ReadOutcome> => {
        try {
          const ref = this.#refOf(connection, source);
          const given = { source, connection, caller, ref, interval, expecting, ...first };
          const placed = first.held.scope === 'serviceAccount' ? await this.#placeShared(given, signal) : given;
          await expecting.before(placed.held, placed);
          return placed;
        } catch (thrown) {
          return failed(thrown);
        }
      }),
    );
    const batches = new Batches();
    const outcomes = places.map(async (placed): Promise<ReadOutcome> => {
      if (!('held' in placed)) return placed;
      try {
        const { secret, number, from } = await this.#read(placed, batches.of(placed.held.session), signal);
        return { secret, number, address: placed.source.address, from };
      } catch (thrown) {
        return failed(thrown);
      }
    });
    batches.start();
    return await Promise.all(outcomes).finally(() => expecting.settle());
  }

  #refOf({ backend }: Connection, source: Source): unknown {
    const ref = this.#refs.get(source) ?? backend.parseRef(source);
    this.#refs.set(source, ref);
    return ref;
  }

  /** To the session of the ServiceAccount what all its pods may have, to the pod's own what only it may. */
  async #placeShared(placed: Placed, signal: AbortSignal): Promise<Placed> {
    const { held, connection, source, caller } = placed;
    if (this.#fromMemory(placed) !== undefined || (await held.session.isShareable(placed.ref, signal))) return placed;
    try {
      return {
        ...placed,
        ...(await this.#options.sessions.get({ connection, source, caller, ownOnly: true }, signal)),
      };
    } catch (thrown) {
      // A backend that is away does not say what may be shared either; what was shared before is known to be.
      if (this.#stale(placed, toKeymountError(thrown)) === undefined) throw thrown;
      return placed;
    }
  }

  async #read(given: Placed, batch: Batch<unknown, Secret> | undefined, signal: AbortSignal): Promise<ReadResult> {
    const placed = this.#options.keeper.isEnding(given.held, given.caller.volume)
      ? await this.#renewSession(given, signal)
      : given;
    const kept = this.#options.keeper.recall(placed.held, placed.source, placed.caller.volume);
    if (kept !== undefined && !kept.replace) return { ...kept.cached, from: 'cache' };
    const known = kept === undefined ? this.#fromMemory(placed) : undefined;
    if (known !== undefined) return known;
    try {
      return { ...(await this.#fetch(placed, placed === given ? batch : undefined, signal)), from: 'backend' };
    } catch (thrown) {
      const error = toKeymountError(thrown);
      // It is to be replaced but still good, and its backend cannot do it now: the next Mount tries again.
      if (kept !== undefined && error.retryable) return { ...kept.cached, from: 'stale' };
      const stale = this.#stale(placed, error);
      if (stale !== undefined) return stale;
      return await this.#again(placed, error, signal).catch((failed: unknown) => {
        if (kept !== undefined && toKeymountError(failed).retryable) return { ...kept.cached, from: 'stale' as const };
        throw failed;
      });
    }
  }

  /** The session comes to its end with everything that was issued through it: a new one in time, or the old one while it lasts. */
  async #renewSession(placed: Placed, signal: AbortSignal): Promise<Placed> {
    const { held, connection, source, caller } = placed;
    const wish = { connection, source, caller };
    try {
      const renewed = await this.#options.sessions.replace(held, wish, signal);
      await this.#options.keeper.succeed(held, renewed, wish);
      await placed.expecting.before(renewed, placed);
      return { ...placed, held: renewed, fresh: true };
    } catch (thrown) {
      if (toKeymountError(thrown).retryable) return placed;
      throw thrown;
    }
  }

  #fromMemory({ held, source, interval }: Placed): ReadResult | undefined {
    const { secrets, clock } = this.#options;
    const cached = secrets.get(held, source.key);
    if (cached === undefined || !isFresh(cached, source, interval, clock.now())) return undefined;
    return { ...cached, from: 'cache' };
  }

  async #fetch(
    { held, source, ref, connection, caller }: Placed,
    batch: Batch<unknown, Secret> | undefined,
    signal: AbortSignal,
  ): Promise<CachedSecret> {
    const { secrets, clock, keeper } = this.#options;
    checkCertain(held, source.key, clock.now());
    return await this.#flights.run(`${held.id} ${source.key}`, signal, async (together) => {
      const startedAt = clock.now();
      try {
        const secret = await (batch?.add(ref, together) ?? held.session.read([ref], together)[0]);
        if (secret === undefined) throw new Error('a backend left a read without an answer');
        // If it is refused again, that is another refusal.
        held.denied.delete(source.key);
        held.uncertain?.delete(source.key);
        if (!needsKeeping(secret)) return secrets.put(held, source.key, secret, startedAt);
        const cached = secrets.numbered(secret, startedAt);
        const isKept = await keeper.keep(held, { connection, source, caller }, cached);
        return isKept ? cached : secrets.put(held, source.key, secret, startedAt);
      } catch (thrown) {
        const error = toKeymountError(thrown);
        // Refused or gone: what was read before must not be served any more.
        if (isRefusal(error)) secrets.purge(held, source.key);
        if (error.code === 'issue-uncertain') {
          rememberUncertain(held, source.key, error, clock.now());
          await keeper.suspect(held, { connection, source, caller });
        }
        throw thrown;
      }
    });
  }

  #stale({ held, source, interval }: Placed, error: KeymountError): ReadResult | undefined {
    const { secrets, clock } = this.#options;
    const cached = secrets.get(held, source.key);
    if (cached === undefined || !mayServeStale(cached, source, error, interval, clock.now())) return undefined;
    return { ...cached, from: 'stale' };
  }

  /**
   * The session may have lost its authority, or this read never had it: one new login tells, and what it tells is remembered, so
   * that a path that stays forbidden costs no login at every republish.
   */
  async #again(placed: Placed, error: KeymountError, signal: AbortSignal): Promise<ReadResult> {
    const { held, fresh, source, connection, caller } = placed;
    if (!held.session.isAuthorityLost(error) || held.denied.has(source.key)) throw error;
    // A new login would end what was issued through this one for nothing, if its token still counts.
    if (fresh || (await this.#options.keeper.isAlive(held, signal))) {
      rememberDenied(held, source.key);
      throw error;
    }
    const renewed = await this.#options.sessions.replace(held, { connection, source, caller }, signal);
    await placed.expecting.before(renewed, placed);
    return await this.#read({ ...placed, held: renewed, fresh: true }, undefined, signal);
  }
}

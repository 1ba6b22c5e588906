import type { Secret } from '../backends/backend.ts';
import { type KeymountError, toKeymountError } from '../errors.ts';
import type { Source } from '../plan/plan.ts';
import { sourceKey } from '../plan/sources.ts';
import type { Caller } from './caller.ts';
import { type Connection, type Connections, checkAllowed } from './connections.ts';
import type { Held, Sessions } from './sessions.ts';

/** What became of one read. `ofSession`: there was no session, so every read of this access fails alike. */
export type ReadOutcome =
  | { readonly secret: Secret; readonly address: string; readonly cached: boolean }
  | { readonly error: KeymountError; readonly ofSession: boolean };

/** Reads sources through the caller's sessions. */
export class Reads {
  readonly #connections: Connections;
  readonly #sessions: Sessions;

  constructor(connections: Connections, sessions: Sessions) {
    this.#connections = connections;
    this.#sessions = sessions;
  }

  /** All sources of one access, side by side. Never rejects. */
  async readAll(caller: Caller, sources: readonly Source[], signal: AbortSignal): Promise<ReadOutcome[]> {
    const [first] = sources;
    if (first === undefined) return [];
    try {
      const connection = await this.#connections.resolve(first.access.connection);
      checkAllowed(connection, caller.identity, sources);
      return await this.#readThrough(connection, caller, sources, signal);
    } catch (thrown) {
      const error = toKeymountError(thrown);
      return sources.map(() => ({ error: error.at === undefined ? error.placed(first.at) : error, ofSession: true }));
    }
  }

  async #readThrough(connection: Connection, caller: Caller, sources: readonly Source[], signal: AbortSignal) {
    const access = (sources[0] as Source).access;
    const { held, fresh } = await this.#sessions.get(connection, access, caller, signal);
    const outcomes = await this.#start(connection, held, sources, signal);
    if (fresh) return outcomes;
    // The session may have lost its authority, or this read never had it: one new login tells, and what it tells is remembered.
    const lost = sources.filter((source, index) => mayHelp(held, source, outcomes[index]));
    if (lost.length === 0) return outcomes;
    const renewed = await this.#sessions.replace(held, connection, access, caller, signal);
    const again = await this.#start(connection, renewed, lost, signal);
    lost.forEach((source, index) => {
      const outcome = again[index];
      if (outcome === undefined) return;
      if (isLost(renewed, outcome)) renewed.denied.add(sourceKey(source));
      outcomes[sources.indexOf(source)] = outcome;
    });
    return outcomes;
  }

  async #start({ backend }: Connection, { session }: Held, sources: readonly Source[], signal: AbortSignal) {
    const outcomes: (ReadOutcome | undefined)[] = sources.map(() => undefined);
    const refs: unknown[] = [];
    const indexes: number[] = [];
    sources.forEach((source, index) => {
      try {
        refs.push(backend.parseRef(source));
        indexes.push(index);
      } catch (thrown) {
        outcomes[index] = { error: toKeymountError(thrown), ofSession: false };
      }
    });
    const settled = await Promise.allSettled(session.read(refs, signal));
    settled.forEach((result, at) => {
      const index = indexes[at] as number;
      outcomes[index] =
        result.status === 'fulfilled'
          ? { secret: result.value, address: (sources[index] as Source).address, cached: false }
          : { error: toKeymountError(result.reason), ofSession: false };
    });
    return outcomes.map((outcome) => outcome ?? { error: toKeymountError(undefined), ofSession: false });
  }
}

function isLost({ session }: Held, outcome: ReadOutcome | undefined): boolean {
  return outcome !== undefined && 'error' in outcome && session.isAuthorityLost(outcome.error);
}

function mayHelp(held: Held, source: Source, outcome: ReadOutcome | undefined): boolean {
  return isLost(held, outcome) && !held.denied.has(sourceKey(source));
}

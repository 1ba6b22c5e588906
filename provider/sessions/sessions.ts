import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { BackendDeps, Login, Session } from '../backends/backend.ts';
import { type PodTokens, tokenMissing } from '../kube/pod-token.ts';
import type { Access } from '../plan/plan.ts';
import { Flights } from '../util/flight.ts';
import type { Caller } from './caller.ts';
import type { Connection } from './connections.ts';

/** A session in use, and what is known of it. */
export interface Held {
  readonly session: Session;
  /** Reads that a session newer than the refusal was refused as well: no login helps them. */
  readonly denied: Set<string>;
}

/** A session is not used for the last bit of its life: what it reads must still be answered. */
const margin = 2_000;

/** The sessions of all pods: one for each connection, role, audience and pod. Logins are shared; the oldest unused ones go. */
export class Sessions {
  readonly #deps: BackendDeps;
  readonly #podTokens: PodTokens | undefined;
  readonly #held: LRUCache<string, Held>;
  readonly #logins = new Flights<Held>();

  constructor(deps: BackendDeps, podTokens: PodTokens | undefined, max = 10_000) {
    this.#deps = deps;
    this.#podTokens = podTokens;
    this.#held = new LRUCache({ max, dispose: ({ session }) => session.close() });
  }

  get size(): number {
    return this.#held.size;
  }

  /** A session that is there, or a new one; `fresh` says that it was made for this call. */
  async get(
    connection: Connection,
    access: Access,
    caller: Caller,
    signal: AbortSignal,
  ): Promise<{ held: Held; fresh: boolean }> {
    const key = sessionKey(connection, access, caller);
    const held = this.#held.get(key);
    if (held !== undefined && !this.#isOver(held.session)) return { held, fresh: false };
    return { held: await this.#login(key, connection, access, caller, signal), fresh: true };
  }

  /** A new session in place of one that lost its authority. Callers who lost the same one share the login. */
  async replace(
    lost: Held,
    connection: Connection,
    access: Access,
    caller: Caller,
    signal: AbortSignal,
  ): Promise<Held> {
    const key = sessionKey(connection, access, caller);
    const current = this.#held.get(key);
    if (current !== undefined && current !== lost) return current;
    return await this.#login(key, connection, access, caller, signal);
  }

  close(): void {
    this.#held.clear();
  }

  #isOver({ expires }: Session): boolean {
    return expires !== undefined && expires - margin <= this.#deps.clock.now();
  }

  #login(key: string, connection: Connection, access: Access, caller: Caller, signal: AbortSignal): Promise<Held> {
    return this.#logins.run(key, signal, async (shared) => {
      const session = await connection.backend.connect(
        connection.settings,
        this.#loginOf(access, caller),
        this.#deps,
        shared,
      );
      const held = { session, denied: new Set<string>() };
      this.#held.set(key, held);
      return held;
    });
  }

  #loginOf({ role, audience }: Access, caller: Caller): Login {
    return {
      identity: caller.identity,
      role,
      audience,
      publishSecrets: caller.publishSecrets,
      token: async (wanted, signal) => {
        const sent = caller.tokens.get(wanted);
        if (sent !== undefined) return sent;
        if (this.#podTokens === undefined) throw tokenMissing(wanted, sentAudiences(caller));
        // Like the Go provider: without an audience in the class, the API server's own is asked for.
        return await this.#podTokens.get(caller.identity, { driver: wanted, request: audience }, signal);
      },
    };
  }
}

function sentAudiences({ tokens }: Caller): string {
  if (tokens.size === 0) return 'it sent none at all';
  return `it sent only ${[...tokens.keys()].map((name) => JSON.stringify(name)).join(', ')}`;
}

/**
 * What a session belongs to. An unproven pod gets only what it logged in for itself, with the very token that it shows; anybody
 * can write another pod's uid into attributes.
 */
function sessionKey(
  connection: Connection,
  { role, audience }: Access,
  { identity, tokens, publishSecrets }: Caller,
): string {
  const shown = identity.proven ? [] : [...tokens].map(([name, token]) => [name, token.reveal()]);
  const secrets = [...publishSecrets].map(([name, value]) => [name, value.reveal()]);
  const proof = shown.length + secrets.length === 0 ? '' : hash(JSON.stringify([shown, secrets]));
  const { namespace, serviceAccount, serviceAccountUid, podUid } = identity;
  return JSON.stringify([connection.key, role, audience, namespace, serviceAccount, serviceAccountUid, podUid, proof]);
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}

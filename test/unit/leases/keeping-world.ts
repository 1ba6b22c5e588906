import type { BackendDeps } from '../../../provider/backends/backend.ts';
import { createIntervals } from '../../../provider/leases/intervals.ts';
import type { LeaseEvent } from '../../../provider/leases/lease-event.ts';
import { Leases } from '../../../provider/leases/leases.ts';
import type { LeaseLimits } from '../../../provider/leases/limits.ts';
import type { TenantRecord } from '../../../provider/leases/record.ts';
import { resumeTenants } from '../../../provider/leases/resume.ts';
import type { Source } from '../../../provider/plan/plan.ts';
import type { Caller } from '../../../provider/sessions/caller.ts';
import type { Connections } from '../../../provider/sessions/connections.ts';
import { Reads } from '../../../provider/sessions/reads.ts';
import { Secrets } from '../../../provider/sessions/secrets.ts';
import { isJsonObject, type JsonObject, parseJson } from '../../../provider/util/json.ts';
import { callerOf, sessionsOf, sourcesOf } from '../sessions/fake-store.ts';
import { FakeIssuer } from './fake-issuer.ts';
import { SteppedClock, settle } from './stepped-clock.ts';

const never = new AbortController().signal;

/** What outlives a process: the server, the clocks, the stored records. */
export class Outside {
  readonly clock = new SteppedClock();
  /** How far somebody set the machine's clock. */
  jumped = 0;
  readonly wall = () => this.clock.time + this.jumped;
  readonly issuer = new FakeIssuer(this.clock, this.wall);
  /** Sealed files, as the text that is in them. */
  readonly files = new Map<string, string>();
  readonly lives = new Map<string, string>();
  /** What the directory is said to have; undefined: what is there. */
  usage: { files: number; bytes: number } | undefined;
  random = () => 0;
}

export interface Answer {
  /** By address: what the file holds, or the code of an error. */
  readonly [address: string]: string;
}

/** One process: everything between a Mount and the server, without sockets. */
export class World {
  readonly outside: Outside;
  readonly events: LeaseEvent[] = [];
  readonly known = new Set<string>();
  readonly secrets = new Secrets();
  readonly intervals;
  readonly sessions;
  readonly leases: Leases;
  readonly reads: Reads;
  readonly unusable: string[] = [];
  saveFails = false;
  removeFails = false;
  notRemoved = 0;

  constructor(outside = new Outside(), limits?: LeaseLimits, mostSessions?: number) {
    this.outside = outside;
    const { clock, wall, issuer } = outside;
    const wallClock = { now: wall, sleep: clock.sleep };
    this.intervals = createIntervals(clock.now);
    const max = mostSessions === undefined ? {} : { max: mostSessions };
    this.sessions = sessionsOf(wallClock, { onEnd: (held) => this.secrets.purgeAll(held), ...max });
    const state = {
      save: async (id: string, record: TenantRecord) => {
        if (this.saveFails) throw new Error('no space');
        outside.files.set(id, JSON.stringify(record));
      },
      saveLives: async (id: string, lives: JsonObject) => {
        if (this.saveFails) throw new Error('no space');
        outside.lives.set(id, JSON.stringify(lives));
      },
      usage: () => outside.usage ?? { files: outside.files.size, bytes: 0 },
      remove: async (id: string) => {
        if (this.removeFails) throw new Error('read-only file system');
        outside.files.delete(id);
        outside.lives.delete(id);
      },
    };
    let ids = 0;
    this.leases = new Leases({
      clock,
      wall,
      random: () => outside.random(),
      renewalPercent: 67,
      sessions: this.sessions,
      intervals: this.intervals,
      newId: () => `id-${outside.files.size}-${clock.time}-${++ids}`,
      state,
      report: (event) => void this.events.push(event),
      onNotRemoved: () => void this.notRemoved++,
      onTenant: (podUid) => void this.known.add(podUid),
      ...(limits === undefined ? {} : { limits }),
    });
    const connections = { resolve: async () => issuer.connection } as unknown as Connections;
    const { sessions, secrets, leases: keeper } = this;
    this.reads = new Reads({ connections, sessions, secrets, keeper, clock: wallClock, refreshInterval: 60_000 });
  }

  /** One Mount of these addresses. */
  async mount(addresses: readonly string[], caller: Caller = pod, sources = sourcesOf(...addresses)): Promise<Answer> {
    const outcomes = await this.reads.readAll(caller, sources, never);
    const told = outcomes.map((outcome, index) => [
      (sources[index] as Source).address,
      'error' in outcome ? outcome.error.code : String(outcome.secret.keys?.['password']),
    ]);
    const answer = Object.fromEntries(told) as Answer;
    if (outcomes.every((outcome) => !('error' in outcome)))
      this.intervals.mounted(caller.volume, JSON.stringify(answer));
    return answer;
  }

  /**
   * Mounts as the driver does, for so many seconds: every 75, and 210 after a change. Returns at which seconds there was another
   * answer than before.
   */
  async live(addresses: readonly string[], seconds: number, caller: Caller = pod): Promise<string[]> {
    const changes: string[] = [];
    let before = '';
    for (let left = seconds; left > 0; ) {
      const answer = JSON.stringify(await this.mount(addresses, caller));
      const changed = answer !== before;
      if (changed) changes.push(`${(this.outside.clock.time - 1_000_000) / 1000} ${answer}`);
      before = answer;
      const pause = Math.min(left, changed ? 210 : 75);
      await this.pass(pause);
      left -= pause;
    }
    return changes;
  }

  /** Its pod is gone, by proof. Within a second of the clock all is done. */
  async end({ identity }: Caller): Promise<void> {
    const ended = this.leases.endPod(identity.podUid);
    await this.pass(1);
    await ended;
  }

  async pass(seconds: number): Promise<void> {
    await this.outside.clock.pass(seconds * 1000);
  }

  /** The next process on the same node. `killed`: nothing was said to this one. */
  async restart({ killed = true } = {}): Promise<World> {
    if (!killed) this.leases.close();
    // Whoever is dead renews nothing.
    for (const tenant of this.leases.list()) tenant.stop();
    await settle();
    const next = new World(this.outside);
    await next.resume();
    return next;
  }

  async resume(): Promise<void> {
    const { clock, issuer, files, lives, random } = this.outside;
    const objectOf = (text: string | undefined) => {
      const value = text === undefined ? undefined : parseJson(text);
      return isJsonObject(value) ? value : undefined;
    };
    const records = [...files].map(([key, text]) => {
      return { key, record: objectOf(text) ?? {}, lives: objectOf(lives.get(key)) };
    });
    await resumeTenants(records, {
      leases: this.leases,
      connections: { resolve: async () => issuer.connection } as unknown as Connections,
      sessions: this.sessions,
      secrets: this.secrets,
      backendDeps: { clock, random } as unknown as BackendDeps,
      onUnusable: (id) => void this.unusable.push(id),
    });
    await settle();
  }

  /** How often each event was told. */
  told(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { event } of this.events) counts[event] = (counts[event] ?? 0) + 1;
    return counts;
  }
}

/** A pod that asks, the same in all tests that name none. */
export const pod = callerOf();

import type { Tenure } from '../backends/backend.ts';
import { type KeymountError, toKeymountError } from '../errors.ts';
import type { Source } from '../plan/plan.ts';
import { type Keeper, needsKeeping } from '../sessions/keeper.ts';
import type { CachedSecret } from '../sessions/secrets.ts';
import { sessionKeys } from '../sessions/session-key.ts';
import type { Held, Sessions, Wish } from '../sessions/sessions.ts';
import type { Clock } from '../util/clock.ts';
import { Semaphore } from '../util/semaphore.ts';
import { Debts } from './debts.ts';
import { Expected } from './expected.ts';
import type { Intervals } from './intervals.ts';
import type { LeaseEvent } from './lease-event.ts';
import { isEnding } from './life.ts';
import { Maxima } from './maxima.ts';
import { isDue, isTooShort, lifeOf, type Outlook, outlookOf, type Times, timeLeft, tokenLife } from './outlook.ts';
import { type LeaseStore, type Storable, toRecord } from './record.ts';
import { revocationsAtOnce, revokeTenant } from './revoke.ts';
import { type Leased, Tenant } from './tenant.ts';

export interface LeasesOptions {
  /** Steady: it goes on evenly, whatever is done to the machine's clock. */
  readonly clock: Clock;
  /** The machine's clock, by which Mounts and certificates go. */
  readonly wall: () => number;
  readonly random: () => number;
  readonly renewalPercent: number;
  readonly sessions: Sessions;
  readonly intervals: Intervals;
  readonly newId: () => string;
  /** Durable state; what is saved is sealed. */
  readonly state: LeaseStore;
  readonly report: (event: LeaseEvent) => void;
  /** A pod has something in keeping: its end must be noticed. */
  readonly onTenant: (podUid: string) => void;
}

/** Keeps what was issued for pods: served again at every Mount, renewed, replaced in time, ended with the pod. */
export class Leases implements Keeper {
  readonly #options: LeasesOptions;
  readonly #tenants = new Map<number, Tenant>();
  readonly #expected = new Expected();
  readonly #maxima: Maxima;
  /** Those whose pods are gone and that are being revoked. */
  readonly #ending = new Set<Tenant>();
  readonly #revocations = new Semaphore(revocationsAtOnce);
  readonly #closed = new AbortController();

  constructor(options: LeasesOptions) {
    this.#options = options;
    this.#maxima = new Maxima(options.clock.now);
  }

  list(): Iterable<Tenant> {
    return this.#tenants.values();
  }

  recall(held: Held, source: Source, volume: string): { cached: CachedSecret; replace: boolean } | undefined {
    const tenant = this.#tenants.get(held.id);
    const leased = tenant?.leased.get(source.key);
    if (tenant === undefined || leased === undefined || leased.lost || tenant.lost) return undefined;
    const { times } = this;
    if (timeLeft(tenant, leased, times) <= 0) return undefined;
    const { intervals, renewalPercent, onTenant } = this.#options;
    onTenant(tenant.podUid);
    const foreseen = this.#maxima.foresee(source.key, leased);
    return { cached: leased.cached, replace: isDue(foreseen, times, intervals.horizon(volume), renewalPercent) };
  }

  isEnding(held: Held, volume: string): boolean {
    const tenant = this.#tenants.get(held.id);
    if (tenant === undefined || tenant.leased.size === 0) return false;
    const { clock, intervals } = this.#options;
    return tenant.lost || isEnding(tenant.token, clock.now(), intervals.horizon(volume));
  }

  async isAlive(held: Held, signal: AbortSignal): Promise<boolean> {
    const tenant = this.#tenants.get(held.id);
    // Of one whose requests are counted nothing is spent on the question: a new login tells.
    if (tenant === undefined || tenant.lost || tenant.tenure.isLimited) return false;
    try {
      await tenant.tenure.renew(undefined, signal);
      return true;
    } catch (thrown) {
      const error = toKeymountError(thrown);
      // Refused to renew is not unknown.
      if (error.code !== 'lease-lost') return true;
      tenant.lose();
      this.#onRenewal(tenant, 'token', error);
      return false;
    }
  }

  async expect(held: Held, wish: Wish): Promise<void> {
    const { tenure } = held.session;
    if (tenure === undefined || this.#tenants.has(held.id)) return;
    const unborn = { ...this.#place(held, wish), tenure, replaced: false, leased: new Map(), debts: new Debts() };
    await this.#expected.expect(held, unborn.id, () => this.#save(unborn, wish));
  }

  async settle(held: Held): Promise<void> {
    const id = this.#expected.settle(held);
    if (id === undefined || this.#tenants.has(held.id) || this.#closed.signal.aborted) return;
    await this.#options.state.remove(id);
  }

  async keep(held: Held, wish: Wish, cached: CachedSecret): Promise<boolean> {
    const { tenure } = held.session;
    const { secret } = cached;
    if (!needsKeeping(secret) || tenure === undefined || held.scope !== 'pod') return false;
    const { random, report, onTenant } = this.#options;
    const leased: Leased = { cached, life: lifeOf(cached, this.times), lost: false, jitter: random() };
    let tenant = this.#tenants.get(held.id);
    if (tenant === undefined) {
      tenant = this.#tenant(held, wish, tenure);
      this.#tidy(tenant);
    }
    tenant.add(wish.source.key, leased);
    onTenant(tenant.podUid);
    report({ event: 'issued', podUid: tenant.podUid, what: wish.source.address });
    this.#warnIfShort(leased, wish, tenant.podUid);
    await this.#save(tenant, wish);
    return true;
  }

  /** Takes up what another process left behind. */
  adopt(tenant: Tenant, wishOf: Pick<Wish, 'source' | 'caller'>): void {
    this.#tenants.set(tenant.held.id, tenant);
    this.#wishes.set(tenant, wishOf);
    if (!tenant.replaced) this.#options.sessions.adopt(tenant.sessionKey, tenant.held);
    this.#options.onTenant(tenant.podUid);
    this.#options.report({ event: 'resumed', podUid: tenant.podUid });
  }

  /** The pod is gone, by proof: everything that was issued for it ends. */
  async endPod(podUid: string): Promise<void> {
    const ended = [...this.#tenants.values()].filter((tenant) => tenant.podUid === podUid);
    await Promise.all(ended.map((tenant) => this.#end(tenant)));
  }

  /** Stops all renewals, and saves nothing any more; nothing is revoked, for the pods go on. */
  close(): void {
    this.#closed.abort(null);
    for (const tenant of this.#tenants.values()) tenant.stop();
  }

  get times(): Times {
    return { steady: this.#options.clock.now(), wall: this.#options.wall() };
  }

  /** `revocations`: tokens of pods that are gone, still to be revoked. */
  get outlook(): Outlook & { readonly revocations: number } {
    const inUse = [...this.#tenants.values()].filter((tenant) => !this.#ending.has(tenant));
    return { ...outlookOf(inUse, this.times, this.#options.renewalPercent), revocations: this.#ending.size };
  }

  get tenantDeps() {
    const { clock, random, renewalPercent } = this.#options;
    return { clock, random, renewalPercent, maxima: this.#maxima, onRenewal: this.#onRenewal };
  }

  // What a tenant's record needs besides the tenant.
  readonly #wishes = new WeakMap<object, Pick<Wish, 'source' | 'caller'>>();

  #place(held: Held, { connection, source, caller }: Wish) {
    const { pod: sessionKey, login: loginKey } = sessionKeys(connection, source, caller);
    const token = tokenLife(held.session, this.times);
    const id = this.#expected.idOf(held) ?? this.#options.newId();
    return { id, sessionKey, loginKey, podUid: caller.identity.podUid, held, token };
  }

  #tenant(held: Held, wish: Wish, tenure: Tenure): Tenant {
    const place = this.#place(held, wish);
    const tenant = new Tenant(place, tenure, place.token, [], this.tenantDeps);
    // Its token is renewed: when it ends is seen in `isEnding`, not by the age of a session.
    held.ends = Number.POSITIVE_INFINITY;
    this.#tenants.set(held.id, tenant);
    this.#wishes.set(tenant, wish);
    return tenant;
  }

  /**
   * The pod's earlier token of the same connection and role is left to its own end: an app may still use what came of it. What has
   * ended is forgotten, of all pods: not every end of a pod can be proven.
   */
  #tidy(fresh: Tenant): void {
    const now = this.#options.clock.now();
    for (const tenant of this.#tenants.values()) {
      if (tenant === fresh || this.#ending.has(tenant)) continue;
      const isOfSame = tenant.podUid === fresh.podUid && tenant.loginKey === fresh.loginKey;
      if (isOfSame) fresh.debts.takeOver(tenant.debts);
      // What a lost one owes, the next one of its pod takes back.
      if (tenant.token.end <= now || (tenant.lost && tenant.debts.size === 0)) void this.#forget(tenant);
      else if (isOfSame && !tenant.replaced) {
        tenant.retire();
        void this.#save(tenant);
      }
    }
  }

  #warnIfShort(leased: Leased, { source, caller }: Wish, podUid: string): void {
    const { intervals, report } = this.#options;
    if (isTooShort(this.#maxima.foresee(source.key, leased), intervals.horizon(caller.volume)))
      report({ event: 'too-short', podUid, what: source.address });
  }

  readonly #onRenewal = (tenant: Tenant, what: 'token' | 'lease', error: KeymountError | undefined): void => {
    const { podUid } = tenant;
    if (error === undefined) this.#options.report({ event: 'renewed', podUid, what });
    else this.#options.report({ event: error.code === 'lease-lost' ? 'lost' : 'renewal-failed', podUid, what, error });
    // The next token takes its debts over.
    if (tenant.lost && tenant.debts.size === 0) void this.#forget(tenant);
    else void this.#save(tenant);
  };

  async #end(tenant: Tenant): Promise<void> {
    if (this.#ending.has(tenant)) return;
    const { clock, wall, random, report, sessions } = this.#options;
    const { podUid } = tenant;
    this.#ending.add(tenant);
    tenant.stop();
    sessions.drop(tenant.sessionKey, tenant.held);
    const onFailed = (error: KeymountError) => report({ event: 'revocation-failed', podUid, error });
    const deps = { clock, wall, random, turns: this.#revocations, onFailed, stop: this.#closed.signal };
    const outcome = await revokeTenant(tenant, deps);
    this.#ending.delete(tenant);
    // The record stays: the next process goes on with it.
    if (outcome === 'stopped') return;
    if (outcome === 'revoked') report({ event: 'revoked', podUid });
    await this.#forget(tenant);
  }

  async #forget(tenant: Tenant): Promise<void> {
    tenant.stop();
    this.#tenants.delete(tenant.held.id);
    this.#options.sessions.drop(tenant.sessionKey, tenant.held);
    if (!this.#closed.signal.aborted) await this.#options.state.remove(tenant.id);
  }

  /** A crash after this loses nothing. Where it cannot be saved, the pod still gets its secrets. */
  async #save(tenant: Storable & { podUid: string }, wish = this.#wishes.get(tenant)): Promise<void> {
    if (wish === undefined || this.#closed.signal.aborted) return;
    try {
      await this.#options.state.save(tenant.id, toRecord(tenant, wish, this.times));
    } catch {
      this.#options.report({ event: 'not-saved', podUid: tenant.podUid });
    }
  }
}

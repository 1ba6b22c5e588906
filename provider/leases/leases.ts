import type { Tenure } from '../backends/backend.ts';
import { type KeymountError, toKeymountError } from '../errors.ts';
import type { Source } from '../plan/plan.ts';
import { type Keeper, needsKeeping } from '../sessions/keeper.ts';
import type { CachedSecret } from '../sessions/secrets.ts';
import type { Held, Wish } from '../sessions/sessions.ts';
import { inBackground } from '../util/background.ts';
import { Admission, handedOver } from './admission.ts';
import { Debts } from './debts.ts';
import { Expected } from './expected.ts';
import { hasAll } from './kept-secret.ts';
import type { LeasesOptions } from './leases-options.ts';
import { isEnding } from './life.ts';
import { leaseLimits } from './limits.ts';
import { LoginEnds } from './login-ends.ts';
import { Maxima } from './maxima.ts';
import { isDue, isTooShort, lifeOf, type Outlook, outlookOf, type Times, timeLeft, tokenLife } from './outlook.ts';
import { type Place, placeOf } from './place.ts';
import { Revocations } from './revocations.ts';
import { type Recorded, Saving } from './saving.ts';
import { supersede } from './superseded.ts';
import { type Leased, Tenant } from './tenant.ts';

/** Keeps what was issued for pods: served again at every Mount, renewed, replaced in time, ended with the pod. */
export class Leases implements Keeper {
  readonly #options: LeasesOptions;
  readonly #tenants = new Map<number, Tenant>();
  readonly #expected = new Expected();
  readonly #maxima: Maxima;
  readonly #loginEnds: LoginEnds;
  readonly #closed = new AbortController();

  readonly #saving: Saving;
  readonly #revocations: Revocations;
  readonly #admission: Admission;

  constructor(options: LeasesOptions) {
    const { clock, wall, random, state, limits = leaseLimits, report, onNotRemoved = () => {} } = options;
    const closed = this.#closed.signal;
    this.#options = options;
    this.#maxima = new Maxima(clock.now);
    this.#loginEnds = new LoginEnds(clock.now);
    this.#admission = new Admission(limits, state, () => this.#tenants.values());
    const onFailed = (podUid: string) => report({ event: 'not-saved', podUid });
    this.#saving = new Saving({ state, times: () => this.times, closed, onFailed, onNotRemoved });
    const save = (tenant: Tenant) => this.#saving.save(tenant);
    this.#revocations = new Revocations({ clock, wall, random, report, save, stop: closed });
  }

  list(): Iterable<Tenant> {
    return this.#tenants.values();
  }

  recall(held: Held, source: Source, volume: string): { cached: CachedSecret; replace: boolean } | undefined {
    const tenant = this.#tenants.get(held.id);
    const leased = tenant?.leased.get(source.key);
    if (tenant === undefined || leased === undefined || leased.lost || tenant.lost) return undefined;
    if (!hasAll(leased.keys, source.selectedKeys)) return undefined;
    const { times } = this;
    if (timeLeft(tenant, leased, times) <= 0) return undefined;
    const { intervals, renewalPercent, onTenant } = this.#options;
    onTenant(tenant.podUid);
    const foreseen = this.#maxima.foresee(source.key, leased);
    return { cached: leased.cached, replace: isDue(foreseen, times, intervals.horizon(volume), renewalPercent) };
  }

  isEnding(held: Held, volume: string): boolean {
    const tenant = this.#tenants.get(held.id);
    if (tenant === undefined) return false;
    // For a Mount that got it before another one took its place.
    if (tenant.lost || tenant.replaced) return true;
    if (tenant.leased.size === 0) return false;
    const { clock, intervals } = this.#options;
    const token = this.#loginEnds.foresee(tenant.server, tenant.token);
    return isEnding(token, clock.now(), intervals.horizon(volume));
  }

  async succeed(ending: Held, fresh: Held, wish: Wish): Promise<void> {
    const { tenure } = fresh.session;
    const earlier = this.#tenants.get(ending.id);
    if (earlier === undefined || tenure === undefined || fresh.id === ending.id || !earlier.hasLasting) return;
    if (this.#closed.signal.aborted) return;
    const tenant = this.#tenants.get(fresh.id) ?? this.#tenant(fresh, wish, tenure);
    tenant.inherit(earlier);
    await this.#saving.save(tenant);
  }

  async isAlive(held: Held, signal: AbortSignal): Promise<boolean> {
    const tenant = this.#tenants.get(held.id);
    // Of one whose requests are counted nothing is spent on the question: a new login tells.
    if (tenant === undefined || tenant.lost || tenant.tenure.isLimited) return false;
    try {
      if ((await tenant.tenure.renew(undefined, signal)) === 'login-ended') tenant.refuseRenewals();
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

  admit(held: Held, wish: Wish): void {
    if (this.#closed.signal.aborted) throw handedOver();
    // Without a tenure nothing is kept.
    if (held.session.tenure !== undefined)
      this.#admission.check(this.#tenants.get(held.id), wish, this.#options.clock.now());
  }

  async expect(held: Held, wish: Wish): Promise<void> {
    const { tenure } = held.session;
    if (tenure === undefined || this.#tenants.has(held.id)) return;
    const token = tokenLife(held.session, this.times);
    const unborn = {
      ...this.#place(held, wish),
      tenure,
      token,
      replaced: false,
      leased: new Map(),
      debts: new Debts(),
    };
    await this.#expected.expect(held, unborn.id, () => {
      this.#saving.know(unborn, wish);
      return this.#saving.save(unborn);
    });
  }

  async settle(held: Held): Promise<void> {
    const id = this.#expected.settle(held);
    if (id !== undefined && !this.#tenants.has(held.id)) await this.#saving.remove(id);
  }

  async keep(held: Held, wish: Wish, cached: CachedSecret): Promise<boolean> {
    const { tenure } = held.session;
    const { secret } = cached;
    if (!needsKeeping(secret) || tenure === undefined || held.scope !== 'pod') return false;
    // Its token is written down, and ends with the pod; the driver asks again, and the other process.
    if (this.#closed.signal.aborted) throw handedOver();
    const { clock, random, report } = this.#options;
    const tenant = this.#tenants.get(held.id) ?? this.#tenant(held, wish, tenure);
    const { podUid } = tenant;
    const life = lifeOf(cached, this.times);
    try {
      const kept = this.#admission.admit(tenant, wish, cached, clock.now());
      const leased: Leased = { ...kept, life, lost: false, jitter: random() };
      tenant.add(wish.source.key, leased);
      report({ event: 'issued', podUid, what: wish.source.address });
      this.#warnIfShort(leased, wish, podUid);
    } catch (thrown) {
      report({ event: 'refused', podUid, what: wish.source.address, error: toKeymountError(thrown) });
      throw thrown;
    } finally {
      await this.#saving.save(tenant);
    }
    return true;
  }

  async suspect(held: Held, wish: Wish): Promise<void> {
    const { tenure } = held.session;
    if (tenure === undefined || held.scope !== 'pod' || this.#closed.signal.aborted) return;
    await this.#saving.save(this.#tenants.get(held.id) ?? this.#tenant(held, wish, tenure));
  }

  /** Takes up what another process left behind. */
  adopt(tenant: Tenant, recorded: Recorded, saves: number): void {
    if (tenant.endsWithLogin) this.#warnIfLoginShort(tenant);
    this.#tenants.set(tenant.held.id, tenant);
    this.#saving.know(tenant, recorded, saves);
    if (!tenant.replaced) this.#options.sessions.keep(tenant.sessionKey, tenant.held);
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
    const inUse = [...this.#tenants.values()].filter((tenant) => !this.#revocations.has(tenant));
    return { ...outlookOf(inUse, this.times, this.#options.renewalPercent), revocations: this.#revocations.size };
  }

  get tenantDeps() {
    const { clock, random, renewalPercent } = this.#options;
    const known = { maxima: this.#maxima, loginEnds: this.#loginEnds };
    return { clock, random, renewalPercent, ...known, onRenewal: this.#onRenewal, onLoginEnded: this.#onLoginEnded };
  }

  #place(held: Held, wish: Wish): Place {
    return placeOf(this.#expected.idOf(held) ?? this.#options.newId(), held, wish);
  }

  #tenant(held: Held, wish: Wish, tenure: Tenure): Tenant {
    const place = this.#place(held, wish);
    const tenant = new Tenant(place, tenure, tokenLife(held.session, this.times), [], this.tenantDeps);
    // Its token is renewed: when it ends is seen in `isEnding`, not by the age of a session.
    this.#options.sessions.keep(place.sessionKey, held);
    this.#tenants.set(held.id, tenant);
    this.#saving.know(tenant, wish);
    this.#tidy(tenant);
    this.#options.onTenant(tenant.podUid);
    return tenant;
  }

  #tidy(fresh: Tenant): void {
    const others = [...this.#tenants.values()].filter((tenant) => !this.#revocations.has(tenant));
    const { over, retired } = supersede(fresh, others, this.#options.clock.now());
    for (const tenant of over) this.#behind(this.#forget(tenant));
    for (const tenant of retired) this.#behind(this.#saving.save(tenant));
  }

  #warnIfShort(leased: Leased, { source, caller }: Wish, podUid: string): void {
    const { intervals, report } = this.#options;
    if (isTooShort(this.#maxima.foresee(source.key, leased), intervals.horizon(caller.volume)))
      report({ event: 'too-short', podUid, what: source.address });
  }

  #warnIfLoginShort({ podUid, server, token }: Tenant): void {
    const minutes = this.#loginEnds.newlyShort(server, token);
    if (minutes !== undefined) this.#options.report({ event: 'login-short', podUid, what: `${minutes} min` });
  }

  readonly #onRenewal = (tenant: Tenant, what: 'token' | 'lease', error: KeymountError | undefined): void => {
    const { podUid } = tenant;
    if (error === undefined) this.#options.report({ event: 'renewed', podUid, what });
    else this.#options.report({ event: error.code === 'lease-lost' ? 'lost' : 'renewal-failed', podUid, what, error });
    // The next token takes its debts over.
    if (tenant.lost && tenant.debts.size === 0) this.#behind(this.#forget(tenant));
    else this.#behind(this.#saving.saveLives(tenant));
  };

  readonly #onLoginEnded = (tenant: Tenant): void => {
    const { podUid } = tenant;
    this.#options.report({ event: 'login-ended', podUid });
    this.#warnIfLoginShort(tenant);
    this.#behind(this.#saving.saveLives(tenant));
  };

  async #end(tenant: Tenant): Promise<void> {
    if (this.#revocations.has(tenant)) return;
    tenant.stop();
    this.#options.sessions.drop(tenant.sessionKey, tenant.held);
    tenant.dropSecrets();
    if (await this.#revocations.run(tenant)) await this.#forget(tenant);
  }

  async #forget(tenant: Tenant): Promise<void> {
    tenant.stop();
    this.#tenants.delete(tenant.held.id);
    this.#options.sessions.drop(tenant.sessionKey, tenant.held);
    await this.#saving.remove(tenant.id);
  }

  #behind(work: Promise<void>): void {
    inBackground(work, (thrown) => this.#options.onNotRemoved?.(thrown));
  }
}

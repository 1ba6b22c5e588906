import type { Tenure } from '../backends/backend.ts';
import { type KeymountError, toKeymountError } from '../errors.ts';
import type { CachedSecret } from '../sessions/secrets.ts';
import type { Held } from '../sessions/sessions.ts';
import { inBackground } from '../util/background.ts';
import { type Debt, Debts } from './debts.ts';
import { type Life, renewed } from './life.ts';
import type { LoginEnds } from './login-ends.ts';
import type { Maxima } from './maxima.ts';
import type { Place } from './place.ts';
import { Schedule, type ScheduleDeps } from './schedule.ts';

/** A credential of a pod in keeping. */
export interface Leased {
  /** As far as it is kept. */
  readonly cached: CachedSecret;
  /** The keys that were kept; absent: all of it. */
  readonly keys?: readonly string[] | undefined;
  /** What it counts for, and the volume that it counts against. */
  readonly bytes: number;
  readonly volume: string;
  life: Life;
  /** The backend does not know it any more. */
  lost: boolean;
  /** 0 <= x < 1, for what is replaced by age. */
  readonly jitter: number;
}

export interface TenantDeps extends ScheduleDeps {
  readonly maxima: Maxima;
  readonly loginEnds: LoginEnds;
  /** A renewal ended: the lives have changed. `error`: it failed. */
  readonly onRenewal: (tenant: Tenant, what: 'token' | 'lease', error: KeymountError | undefined) => void;
  /** The token is renewed no more, because the login that it came from ends: it is replaced before its own end. */
  readonly onLoginEnded: (tenant: Tenant) => void;
}

/** Milliseconds for one renewal, its own tries included. */
const renewalTimeout = 30_000;

/** One token of one pod and everything that was issued through it, renewed for as long as that is possible. */
export class Tenant {
  readonly id: string;
  readonly sessionKey: string;
  /** Connection, role and audience: a pod has one token in use for each. */
  readonly loginKey: string;
  readonly podUid: string;
  readonly namespace: string;
  /** The address of the server that gave the token; undefined: the backend has no addresses. */
  readonly server: string | undefined;
  /** Nobody but a class chose the server, so it is not asked for ever to end the token. */
  readonly isStrangers: boolean;
  readonly held: Held;
  readonly leased: Map<string, Leased>;
  /** What is to be taken back when the pod ends, earlier credentials as well. */
  readonly debts: Debts;
  token: Life;
  /** The backend does not know the token any more, and so none of its leases. */
  lost = false;
  /** Another token took its place; what was issued is left to its own end. */
  replaced = false;
  /** Since when, in milliseconds of the clock. */
  replacedAt = 0;
  readonly #deps: TenantDeps;
  /** Sources whose answers were too much to keep, and until when nothing is asked of them, in milliseconds of the clock. */
  readonly refused = new Map<string, { readonly error: KeymountError; readonly until: number }>();
  readonly #tenure: Tenure;
  readonly #schedule: Schedule;
  #wake = new AbortController();
  readonly #stop = new AbortController();

  constructor(
    place: Place,
    tenure: Tenure,
    token: Life,
    leased: Iterable<[string, Leased]>,
    deps: TenantDeps,
    debts: Iterable<Debt> = [],
  ) {
    this.id = place.id;
    this.sessionKey = place.sessionKey;
    this.loginKey = place.loginKey;
    this.podUid = place.podUid;
    this.namespace = place.namespace;
    this.server = place.server;
    this.isStrangers = place.isStrangers;
    this.held = place.held;
    this.token = token;
    this.leased = new Map(leased);
    this.debts = new Debts(debts);
    this.#tenure = tenure;
    this.#deps = deps;
    this.#schedule = new Schedule(deps);
    this.#plan(undefined, token);
    for (const [key, { life }] of this.leased) this.#plan(key, life);
    inBackground(this.#run(), (thrown) => deps.onRenewal(this, 'token', toKeymountError(thrown)));
  }

  get tenure(): Tenure {
    return this.#tenure;
  }

  add(key: string, leased: Leased): void {
    this.leased.set(key, leased);
    this.debts.add(leased.cached.secret);
    this.#plan(key, leased.life);
    this.#wake.abort(null);
  }

  /** Has it something that does not end with its token? */
  get hasLasting(): boolean {
    return this.#lasting().length > 0;
  }

  /** Takes over from an earlier token what did not end with that. */
  inherit(earlier: Tenant): void {
    for (const [key, leased] of earlier.#lasting()) {
      earlier.leased.delete(key);
      if (!this.leased.has(key)) this.leased.set(key, leased);
    }
  }

  /** Certificates without a lease. */
  #lasting(): [string, Leased][] {
    return [...this.leased].filter(([, { cached, lost }]) => cached.secret.lease === undefined && !lost);
  }

  /** Does its server renew the token no further than the login that it came from? */
  get endsWithLogin(): boolean {
    return this.token.loginEnd !== undefined && this.#deps.loginEnds.of(this.server) === true;
  }

  /** The server said that it renews the token no more, because the login that it came from has ended. */
  refuseRenewals(): void {
    this.#deps.loginEnds.refused(this.server);
    this.#endWithLogin();
  }

  /** When something is renewed next, in milliseconds of the clock; undefined: never. */
  nextRenewal(): number | undefined {
    return this.#schedule.next();
  }

  /** Another token takes its place. */
  retire(): void {
    this.replaced = true;
    this.replacedAt = this.#deps.clock.now();
    this.stop();
  }

  /** Renews nothing any more. */
  stop(): void {
    this.#stop.abort(null);
    this.#schedule.clear();
    this.#wake.abort(null);
  }

  #plan(key: string | undefined, life: Life, failures = 0): void {
    const { loginEnds } = this.#deps;
    if (this.lost || this.#stop.signal.aborted) this.#schedule.take(key);
    else if (loginEnds.isOver(this.server, life)) this.#endWithLogin();
    else if (this.#schedule.plan(key, loginEnds.relevant(this.server, life), failures) === 'too-late')
      this.#leaveToItsEnd(key);
  }

  /** It is replaced like what cannot be renewed. */
  #leaveToItsEnd(key: string | undefined): void {
    this.#schedule.take(key);
    const leased = key === undefined ? undefined : this.leased.get(key);
    if (leased !== undefined) leased.life = { ...leased.life, renewable: false };
    else if (key === undefined) this.token = { ...this.token, renewable: false };
  }

  #endWithLogin(): void {
    const isNews = this.token.renewable;
    this.#leaveToItsEnd(undefined);
    if (isNews) this.#deps.onLoginEnded(this);
  }

  /** Waits for the next renewal and makes it, one after the other. Never rejects. */
  async #run(): Promise<void> {
    const { clock } = this.#deps;
    while (!this.#stop.signal.aborted) {
      const next = this.nextRenewal();
      this.#wake = new AbortController();
      const wait = next === undefined ? Number.MAX_SAFE_INTEGER : Math.max(0, next - clock.now());
      await clock.sleep(wait, this.#wake.signal).catch(() => {});
      for (const key of this.#schedule.due()) {
        const failures = this.#schedule.take(key);
        if (failures !== undefined) await this.#renew(key, failures);
      }
    }
  }

  async #renew(key: string | undefined, failures: number): Promise<void> {
    const leased = key === undefined ? undefined : this.leased.get(key);
    const what = key === undefined ? 'token' : 'lease';
    if (key !== undefined && (leased === undefined || leased.lost)) return;
    // Another credential may take its place meanwhile, with a life and a plan of its own.
    const isReplaced = () => key !== undefined && this.leased.get(key) !== leased;
    const { loginEnds } = this.#deps;
    // Another token has told meanwhile.
    if (key === undefined && loginEnds.isRefused(this.server, this.token)) return this.#endWithLogin();
    try {
      const started = this.#deps.clock.now();
      const limit = AbortSignal.any([AbortSignal.timeout(renewalTimeout), this.#stop.signal]);
      const renewal = await this.#tenure.renew(leased?.cached.secret.lease, limit);
      if (isReplaced()) return;
      if (renewal === 'login-ended') return this.refuseRenewals();
      const { duration, renewable } = renewal;
      if (key === undefined) loginEnds.renewed(this.server, this.token, started);
      const life = renewed(leased?.life ?? this.token, started, duration, renewable);
      if (leased === undefined) this.token = life;
      else leased.life = life;
      if (key !== undefined) this.#deps.maxima.renewed(key, life);
      this.#schedule.count(key, started);
      this.#plan(key, life);
      this.#deps.onRenewal(this, what, undefined);
    } catch (thrown) {
      // Given up, not failed.
      if (this.#stop.signal.aborted || isReplaced()) return;
      const error = toKeymountError(thrown);
      this.#fail(key, leased, failures + 1, error);
      this.#deps.onRenewal(this, what, error);
    }
  }

  #fail(key: string | undefined, leased: Leased | undefined, failures: number, error: KeymountError): void {
    if (error.code === 'lease-lost') {
      if (leased === undefined) this.lose();
      else leased.lost = true;
      return;
    }
    const life = leased?.life ?? this.token;
    // Refused for good, or too late.
    if (!error.retryable || life.end <= this.#deps.clock.now()) {
      this.#leaveToItsEnd(key);
      return;
    }
    this.#plan(key, life, failures);
  }

  /** What was issued is of no use to anybody any more, but the token may have to be ended. */
  dropSecrets(): void {
    this.leased.clear();
    this.refused.clear();
  }

  /** The token is gone, and all its leases with it. */
  lose(): void {
    this.lost = true;
    for (const leased of this.leased.values()) leased.lost = true;
    this.#schedule.clear();
  }
}

import type { Clock } from '../util/clock.ts';
import type { Outcome } from './request.ts';
import { retryAfter } from './retry.ts';

export interface BreakerState {
  /** Requests are answered with the last failure, but for a probe at a time. */
  readonly open: boolean;
  /** Failures since the last answer. */
  readonly failures: number;
}

export interface BreakerDeps {
  readonly clock: Clock;
  /** 0 <= x < 1. */
  readonly random: () => number;
}

/** `answer`: it is not sent, this is its outcome. `done`: it may be sent; `undefined` says that nobody waited for the answer. */
export type Admission = { readonly answer: Outcome } | { readonly done: (outcome: Outcome | undefined) => void };

interface Probe {
  readonly lane: string | undefined;
  readonly began: number;
}

/** It opens after this many failures in a row. */
const enoughFailures = 5;
/** For so long after the first failure requests wait for a probe: a server that restarts costs its pods a moment, no error. */
const grace = 3_000;
/** Milliseconds until the first probe; doubled with each that fails once the grace is over. A node asks a dead server every five seconds. */
const firstPause = 500;
const longestPause = 5_000;
/** Later than that a request waits only for a probe that is this close, or that began this shortly ago. */
const patience = 300;
/** A probe that takes longer than this may be stuck in its lane alone: requests of other lanes may probe as well. */
const slowProbe = 1_000;
/** And after this another one of its own lane: a request may take a minute, and the server be back long before. */
const stuckProbe = 10_000;
/** Longest time for which a server's Retry-After is taken at its word. */
const longestHold = 60_000;

/**
 * Keeps a dead server from being asked by every pod. After some failures with no answer between them one request at a time is let
 * through to see whether the server is back; the others wait for it a moment, or are answered with the last failure. What a server
 * says about one path (500, 4xx) says nothing about the server; only no answer and 502, 503, 504 do.
 */
export class Breaker {
  readonly #clock: Clock;
  readonly #random: () => number;
  #failures = 0;
  /** Time of the first failure since the last answer. */
  #since = 0;
  #last: Outcome | undefined;
  /** 0: closed. */
  #pause = 0;
  #nextProbe = 0;
  /** The probes under way: one, unless it is slow. */
  readonly #probes = new Set<Probe>();
  /** Aborts when a probe has ended or the server has answered. */
  #news = new AbortController();
  #hold: { readonly until: number; readonly answer: Outcome } | undefined;

  constructor({ clock, random }: BreakerDeps) {
    this.#clock = clock;
    this.#random = random;
  }

  state(): BreakerState {
    return { open: this.#isOpen(), failures: this.#failures };
  }

  /** May a request be sent now? Waits a moment where that may spare an error. Never rejects. */
  async admit(signal: AbortSignal, lane?: string): Promise<Admission> {
    const held = await this.#waitForHold(signal);
    if (held !== undefined) return { answer: held };
    const arrived = this.#clock.now();
    while (this.#isOpen() && !signal.aborted) {
      const now = this.#clock.now();
      if (isPast(this.#nextProbe, now) && this.#mayProbe(lane, now)) {
        const probe = { lane, began: now };
        this.#probes.add(probe);
        return { done: (outcome) => this.#probed(outcome, probe) };
      }
      const wake = this.#waitUntil(arrived);
      if (this.#last !== undefined && (wake === undefined || wake <= now)) return { answer: final(this.#last) };
      await this.#sleep((wake ?? now) - now, signal, this.#news.signal);
    }
    return { done: (outcome) => this.#note(outcome, false) };
  }

  #mayProbe(lane: string | undefined, now: number): boolean {
    return [...this.#probes].every((probe) => now - probe.began > (probe.lane === lane ? stuckProbe : slowProbe));
  }

  /** Until when a request that arrived then waits for the present or the next probe; undefined: not at all. */
  #waitUntil(arrived: number): number | undefined {
    const graceEnds = this.#since + grace;
    const latest = Math.max(...[...this.#probes].map(({ began }) => began));
    if (this.#probes.size > 0) return Math.max(latest + patience, graceEnds);
    return this.#nextProbe <= Math.max(arrived + patience, graceEnds) ? this.#nextProbe : undefined;
  }

  /** What the server said when it asked not to be asked; not for good, so that whoever can wait that long may try again. */
  async #waitForHold(signal: AbortSignal): Promise<Outcome | undefined> {
    const { until, answer } = this.#hold ?? { until: 0, answer: undefined };
    const left = until - this.#clock.now();
    if (left <= 0 || left > longestHold) return undefined;
    if (left > patience) return answer;
    await this.#sleep(left, signal);
    return undefined;
  }

  async #sleep(ms: number, ...signals: AbortSignal[]): Promise<void> {
    await this.#clock.sleep(ms, AbortSignal.any(signals)).catch(() => {});
  }

  #isOpen(): boolean {
    return this.#pause > 0;
  }

  #probed(outcome: Outcome | undefined, probe: Probe): void {
    this.#probes.delete(probe);
    this.#note(outcome, true);
    this.#tell();
  }

  #note(outcome: Outcome | undefined, isProbe: boolean): void {
    if (outcome === undefined) return;
    const now = this.#clock.now();
    const hold = Math.min(askedToHold(outcome, now), longestHold);
    if (hold > 0 && now + hold > (this.#hold?.until ?? 0))
      this.#hold = { until: now + hold, answer: forOthers(outcome) };
    if (isDown(outcome)) this.#fail(outcome, isProbe, now);
    else if (isThere(outcome)) this.#succeed();
  }

  #fail(outcome: Outcome, isProbe: boolean, now: number): void {
    if (this.#failures++ === 0 || now < this.#since) this.#since = now;
    this.#last = outcome;
    // Of the requests that were sent before it opened none tells anything new.
    if (this.#isOpen() ? !isProbe : this.#failures < enoughFailures) return;
    const isEarly = this.#pause === 0 || now - this.#since < grace;
    this.#pause = isEarly ? firstPause : Math.min(longestPause, this.#pause * 2);
    this.#nextProbe = now + this.#pause * (0.75 + this.#random() / 2);
  }

  #succeed(): void {
    this.#failures = 0;
    this.#last = undefined;
    if (!this.#isOpen()) return;
    this.#pause = 0;
    this.#tell();
  }

  #tell(): void {
    this.#news.abort();
    this.#news = new AbortController();
  }
}

/** Also where the clock was set back: no probe is ever planned that far ahead. */
function isPast(time: number, now: number): boolean {
  return time <= now || time > now + 2 * longestPause;
}

function isDown(outcome: Outcome): boolean {
  return 'reply' in outcome ? [502, 503, 504].includes(outcome.reply.status) : outcome.transient;
}

/** It answered, if only with a certificate that nobody trusts. Other failures never got as far as the server. */
function isThere(outcome: Outcome): boolean {
  return 'reply' in outcome || ['backend-untrusted', 'backend-reply-invalid'].includes(outcome.failure.code);
}

function final(outcome: Outcome): Outcome {
  return 'reply' in outcome ? { ...forOthers(outcome), final: true } : { ...outcome, transient: false };
}

/** Only a 503 is about the server alone (sealed, standby); the words of other replies may name what somebody else asked for. */
function forOthers(outcome: Outcome): Outcome {
  if (!('reply' in outcome) || outcome.reply.status === 503) return outcome;
  return { reply: { ...outcome.reply, body: Buffer.alloc(0) } };
}

/** Milliseconds of a Retry-After of a server that is too busy (429) or away (503). */
function askedToHold(outcome: Outcome, now: number): number {
  if (!('reply' in outcome) || ![429, 503].includes(outcome.reply.status)) return 0;
  return retryAfter(outcome.reply, now);
}

import type { Clock } from '../util/clock.ts';
import { type Life, renewalTime } from './life.ts';
import { Pace } from './pace.ts';

/** Milliseconds between tries of a renewal that failed, doubled each time. */
const firstRetry = 1_000;
const longestRetry = 30_000;

export interface ScheduleDeps {
  readonly clock: Clock;
  readonly random: () => number;
  /** Percent of what is left, after which it is renewed. */
  readonly renewalPercent: number;
}

/** When each lease of a token is renewed, and under no key the token itself. */
export class Schedule {
  readonly #deps: ScheduleDeps;
  readonly #pace = new Map<string | undefined, Pace>();
  readonly #renewAt = new Map<string | undefined, { readonly at: number; readonly failures: number }>();

  constructor(deps: ScheduleDeps) {
    this.#deps = deps;
  }

  /** The first renewal, in milliseconds of the clock; undefined: there is none. */
  next(): number | undefined {
    const times = [...this.#renewAt.values()].map(({ at }) => at);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** What is to be renewed by now. */
  due(): (string | undefined)[] {
    const now = this.#deps.clock.now();
    return [...this.#renewAt].filter(([, { at }]) => at <= now).map(([key]) => key);
  }

  /** Off the schedule; how often it failed, undefined: it was not on it. */
  take(key: string | undefined): number | undefined {
    const failures = this.#renewAt.get(key)?.failures;
    this.#renewAt.delete(key);
    return failures;
  }

  /** By the life that it has after `failures` tries that failed. `too-late`: it cannot be renewed often enough. */
  plan(key: string | undefined, life: Life, failures: number): 'planned' | 'never' | 'too-late' {
    const { clock, random, renewalPercent } = this.#deps;
    const now = clock.now();
    this.#renewAt.delete(key);
    if (failures > 0) {
      this.#renewAt.set(key, { at: now + retryAfter(failures, random), failures });
      return 'planned';
    }
    const renewal = renewalTime(life, now, renewalPercent, random);
    if (renewal === undefined) return 'never';
    const at = this.#paceOf(key).next(renewal, now, life.end);
    if (at >= life.end) return 'too-late';
    this.#renewAt.set(key, { at, failures });
    return 'planned';
  }

  /** It was renewed. */
  count(key: string | undefined, at: number): void {
    this.#paceOf(key).count(at);
  }

  clear(): void {
    this.#renewAt.clear();
  }

  #paceOf(key: string | undefined): Pace {
    const pace = this.#pace.get(key) ?? new Pace();
    this.#pace.set(key, pace);
    return pace;
  }
}

function retryAfter(failures: number, random: () => number): number {
  return Math.min(longestRetry, firstRetry * 2 ** (failures - 1)) * (0.5 + random());
}

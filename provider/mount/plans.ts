import { LRUCache } from 'lru-cache';
import { KeymountError } from '../errors.ts';
import { parseClass } from '../plan/parse.ts';
import type { DialectName, Plan, PlanOptions } from '../plan/plan.ts';
import { withSelectedKeys } from '../plan/selected-keys.ts';
import { Flights } from '../util/flight.ts';
import type { LargeClasses, Parsed } from './large-classes.ts';
import type { MountRequest } from './request.ts';

/** Characters of parameters whose plans are kept. A plan takes some twenty times that in memory. */
const mostText = 4 * 2 ** 20;

/** Characters of parameters above which a class is parsed apart: so many may take ten milliseconds. */
const largeText = 8 * 1024;

/** Plans by the hash of their parameters: a class is parsed once, not once a pod and a minute. Mistakes are remembered too. */
export class Plans {
  readonly #options: PlanOptions;
  readonly #large: Pick<LargeClasses, 'parse'>;
  readonly #plans = new LRUCache<string, Parsed>({ max: 1000, maxSize: mostText });
  readonly #parsing = new Flights<Parsed>();

  constructor(options: PlanOptions, large: Pick<LargeClasses, 'parse'>) {
    this.#options = options;
    this.#large = large;
  }

  get size(): number {
    return this.#plans.size;
  }

  /** At once where the class is known or small. Throws `class-invalid`, and the signal's reason. */
  get(dialect: DialectName, request: MountRequest, signal: AbortSignal): Plan | Promise<Plan> {
    const key = `${dialect} ${request.parametersKey}`;
    const known = this.#plans.get(key);
    if (known !== undefined) return planOf(known);
    const size = lengthOf(request);
    if (size <= largeText) return planOf(this.#keep(key, parse(dialect, request, this.#options), size));
    return this.#getLarge(key, dialect, request, size, signal);
  }

  async #getLarge(
    key: string,
    dialect: DialectName,
    { parameters }: MountRequest,
    size: number,
    signal: AbortSignal,
  ): Promise<Plan> {
    const question = { dialect, parameters, options: this.#options };
    const parsed = await this.#parsing.run(key, signal, async () =>
      this.#keep(key, await this.#large.parse(question), size),
    );
    return planOf(parsed);
  }

  #keep(key: string, given: Parsed, size: number): Parsed {
    const parsed = 'plan' in given ? { plan: withSelectedKeys(given.plan) } : given;
    // A defect and a busy node say nothing about the class.
    if ('plan' in parsed || parsed.error.code === 'class-invalid') this.#plans.set(key, parsed, { size });
    return parsed;
  }
}

function planOf(parsed: Parsed): Plan {
  if ('error' in parsed) throw parsed.error;
  return parsed.plan;
}

function lengthOf({ parameters }: MountRequest): number {
  let length = 1;
  for (const [name, value] of parameters) length += name.length + value.length;
  return length;
}

function parse(dialect: DialectName, { parameters }: MountRequest, options: PlanOptions): Parsed {
  try {
    return { plan: parseClass(dialect, parameters, options) };
  } catch (error) {
    if (error instanceof KeymountError) return { error };
    throw error;
  }
}

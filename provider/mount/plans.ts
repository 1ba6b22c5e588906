import { LRUCache } from 'lru-cache';
import { KeymountError } from '../errors.ts';
import { parseClass } from '../plan/parse.ts';
import type { DialectName, Plan, PlanOptions } from '../plan/plan.ts';
import type { MountRequest } from './request.ts';

/** Characters of parameters whose plans are kept. A plan takes some twenty times that in memory. */
const mostText = 4 * 2 ** 20;

/** Plans by the hash of their parameters: a class is parsed once, not once a pod and a minute. Mistakes are remembered too. */
export class Plans {
  readonly #options: PlanOptions;
  readonly #plans = new LRUCache<string, { plan: Plan } | { error: KeymountError }>({ max: 1000, maxSize: mostText });

  constructor(options: PlanOptions = {}) {
    this.#options = options;
  }

  get size(): number {
    return this.#plans.size;
  }

  /** Throws `class-invalid`. */
  get(dialect: DialectName, request: MountRequest): Plan {
    const key = `${dialect} ${request.parametersKey}`;
    let entry = this.#plans.get(key);
    if (entry === undefined) {
      entry = parse(dialect, request, this.#options);
      this.#plans.set(key, entry, { size: lengthOf(request) });
    }
    if ('error' in entry) throw entry.error;
    return entry.plan;
  }
}

function lengthOf({ parameters }: MountRequest): number {
  let length = 1;
  for (const [name, value] of parameters) length += name.length + value.length;
  return length;
}

function parse(
  dialect: DialectName,
  { parameters }: MountRequest,
  options: PlanOptions,
): { plan: Plan } | { error: KeymountError } {
  try {
    return { plan: parseClass(dialect, parameters, options) };
  } catch (error) {
    if (error instanceof KeymountError) return { error };
    throw error;
  }
}

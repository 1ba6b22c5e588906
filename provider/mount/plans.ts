import { LRUCache } from 'lru-cache';
import { KeymountError } from '../errors.ts';
import { parseClass } from '../plan/parse.ts';
import type { DialectName, Plan } from '../plan/plan.ts';
import type { MountRequest } from './request.ts';

/** Plans by the hash of their parameters: a class is parsed once, not once a pod and a minute. Mistakes are remembered too. */
export class Plans {
  readonly #plans = new LRUCache<string, { plan: Plan } | { error: KeymountError }>({ max: 1000 });

  /** Throws `class-invalid`. */
  get(dialect: DialectName, request: MountRequest): Plan {
    const key = `${dialect} ${request.parametersKey}`;
    let entry = this.#plans.get(key);
    if (entry === undefined) {
      entry = parse(dialect, request);
      this.#plans.set(key, entry);
    }
    if ('error' in entry) throw entry.error;
    return entry.plan;
  }
}

function parse(dialect: DialectName, { parameters }: MountRequest): { plan: Plan } | { error: KeymountError } {
  try {
    return { plan: parseClass(dialect, parameters) };
  } catch (error) {
    if (error instanceof KeymountError) return { error };
    throw error;
  }
}

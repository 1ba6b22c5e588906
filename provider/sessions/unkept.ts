import type { Tenure } from '../backends/backend.ts';
import type { JsonObject } from '../util/json.ts';
import type { Keeper } from './keeper.ts';

export interface Unkept extends Keeper {
  /** What was issued, by the address of its source. */
  readonly issued: () => readonly string[];
  readonly end: (signal: AbortSignal) => Promise<void>;
}

/** A keeper for a process that ends soon: it keeps nothing, and ends at its own end what was issued meanwhile. */
export function createUnkept(): Unkept {
  const tenures = new Set<Tenure>();
  const issued = new Set<string>();
  const debts: { tenure: Tenure; what: JsonObject }[] = [];
  return {
    recall: () => undefined,
    isEnding: () => false,
    succeed: async () => {},
    isAlive: async () => false,
    admit: () => {},
    expect: async () => {},
    settle: async () => {},
    async suspect({ session: { tenure }, scope }) {
      if (tenure !== undefined && scope === 'pod') tenures.add(tenure);
    },
    issued: () => [...issued],
    async keep({ session, scope }, { source }, { secret }) {
      const { tenure } = session;
      issued.add(source.address);
      if (tenure !== undefined && scope === 'pod') tenures.add(tenure);
      if (tenure !== undefined && secret.takeBack !== undefined) debts.push({ tenure, what: secret.takeBack });
      return false;
    },
    async end(signal) {
      await Promise.allSettled(debts.map(async ({ tenure, what }) => await tenure.takeBack?.(what, signal)));
      await Promise.allSettled([...tenures].map((tenure) => tenure.revoke(signal)));
    },
  };
}

import type { Tenure } from '../backends/backend.ts';
import type { JsonObject } from '../util/json.ts';
import type { Keeper } from './keeper.ts';

/** A keeper for a process that ends soon: it keeps nothing, and ends at its own end what was issued meanwhile. */
export function createUnkept(): Keeper & { readonly end: (signal: AbortSignal) => Promise<void> } {
  const issued = new Set<Tenure>();
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
      if (tenure !== undefined && scope === 'pod') issued.add(tenure);
    },
    async keep({ session, scope }, _wish, { secret }) {
      const { tenure } = session;
      if (tenure !== undefined && scope === 'pod') issued.add(tenure);
      if (tenure !== undefined && secret.takeBack !== undefined) debts.push({ tenure, what: secret.takeBack });
      return false;
    },
    async end(signal) {
      await Promise.allSettled(debts.map(async ({ tenure, what }) => await tenure.takeBack?.(what, signal)));
      await Promise.allSettled([...issued].map((tenure) => tenure.revoke(signal)));
    },
  };
}

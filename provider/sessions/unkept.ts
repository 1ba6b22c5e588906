import type { Tenure } from '../backends/backend.ts';
import type { Keeper } from './keeper.ts';

/** A keeper for a process that ends soon: it keeps nothing, and ends at its own end what was issued meanwhile. */
export function createUnkept(): Keeper & { readonly end: (signal: AbortSignal) => Promise<void> } {
  const issued = new Set<Tenure>();
  return {
    recall: () => undefined,
    isEnding: () => false,
    isAlive: async () => false,
    expect: async () => {},
    settle: async () => {},
    async keep({ session, scope }) {
      if (session.tenure !== undefined && scope === 'pod') issued.add(session.tenure);
      return false;
    },
    async end(signal) {
      await Promise.allSettled([...issued].map((tenure) => tenure.revoke(signal)));
    },
  };
}

import type { Tenure } from '../backends/backend.ts';
import type { JsonObject } from '../util/json.ts';
import type { Keeper } from './keeper.ts';

export interface Unkept extends Keeper {
  /** What was issued; `ends`: with the process, by the end of its session. */
  readonly issued: () => readonly { readonly address: string; readonly ends: boolean }[];
  readonly end: (signal: AbortSignal) => Promise<void>;
}

/** A keeper for a process that ends soon: it keeps nothing, and ends at its own end what was issued meanwhile. */
export function createUnkept(): Unkept {
  const tenures = new Set<Tenure>();
  const issued = new Map<string, boolean>();
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
    issued: () => [...issued].map(([address, ends]) => ({ address, ends })),
    async keep({ session, scope }, { source }, { secret }) {
      const { tenure } = session;
      const ends = tenure !== undefined && scope === 'pod' && (secret.lease ?? secret.takeBack) !== undefined;
      issued.set(source.address, ends);
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

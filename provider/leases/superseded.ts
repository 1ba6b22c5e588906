import type { Tenant } from './tenant.ts';

/** Milliseconds for which a Mount may still serve what a replaced token issued: longer than any Mount takes. */
const replacedFor = 300_000;

/** What becomes of the tokens that were there when a new one came. */
export interface Superseded {
  /** They have ended, or are lost and owe nothing. Of all pods: not every end of a pod can be proven. */
  readonly over: readonly Tenant[];
  /** The pod's earlier token of the same connection and role: left to its own end, for an app may still use what came of it. */
  readonly retired: readonly Tenant[];
}

/** Also hands on what the earlier tokens of the pod owe, and drops what nobody is served any more. */
export function supersede(fresh: Tenant, others: Iterable<Tenant>, now: number): Superseded {
  const over: Tenant[] = [];
  const retired: Tenant[] = [];
  for (const tenant of others) {
    if (tenant === fresh) continue;
    const isOfSame = tenant.podUid === fresh.podUid && tenant.loginKey === fresh.loginKey;
    if (isOfSame) fresh.debts.takeOver(tenant.debts);
    // What a lost one owes, the next one of its pod takes back.
    if (tenant.token.end <= now || (tenant.lost && tenant.debts.size === 0)) over.push(tenant);
    else if (isOfSame && !tenant.replaced) {
      tenant.retire();
      retired.push(tenant);
    } else if (tenant.replaced && now - tenant.replacedAt > replacedFor) tenant.dropSecrets();
  }
  return { over, retired };
}

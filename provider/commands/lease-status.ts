import type { Keeping } from '../mount/keeping.ts';
import type { LeaseStatus } from '../mount/status.ts';

/** What is in keeping, for `keymount status`: counts and times, no names and no values. */
export function leaseStatus(keeping: Keeping | undefined): LeaseStatus {
  if (keeping === undefined) return { pods: 0, count: 0, podWatch: 'nothing is kept' };
  const { leases, podEnds } = keeping;
  const { count, firstEnd } = leases.outlook;
  const tenants = [...leases.list()];
  const renewals = tenants.map((tenant) => tenant.nextRenewal() ?? Number.POSITIVE_INFINITY);
  const nextRenewal = Math.min(...renewals) - leases.times.steady;
  const { state, reason } = podEnds.status();
  return {
    pods: new Set(tenants.map(({ podUid }) => podUid)).size,
    count,
    ...(Number.isFinite(nextRenewal) ? { nextRenewal } : {}),
    ...(Number.isFinite(firstEnd) ? { firstEnd } : {}),
    podWatch: `${state}${reason === undefined ? '' : `: ${reason}`}`,
  };
}

import type { Keeping } from '../mount/keeping.ts';
import type { LeaseStatus } from '../mount/status.ts';

/** What is in keeping, for `keymount status`: counts and times, no names and no values. */
export function leaseStatus(keeping: Keeping | undefined, now: number): LeaseStatus {
  const tenants = [...(keeping?.leases.list() ?? [])];
  const lives = tenants.flatMap(({ leased }) => [...leased.values()].map(({ life }) => life));
  const nextRenewal = earliest(
    tenants.map((tenant) => tenant.nextRenewal() ?? Number.POSITIVE_INFINITY),
    now,
  );
  const firstEnd = earliest(
    lives.map(({ end }) => end),
    now,
  );
  const watch = keeping?.podEnds.status();
  return {
    pods: new Set(tenants.map(({ podUid }) => podUid)).size,
    count: lives.length,
    ...(nextRenewal === undefined ? {} : { nextRenewal }),
    ...(firstEnd === undefined ? {} : { firstEnd }),
    podWatch:
      watch === undefined
        ? 'nothing is kept'
        : `${watch.state}${watch.reason === undefined ? '' : `: ${watch.reason}`}`,
  };
}

function earliest(times: readonly number[], now: number): number | undefined {
  const first = Math.min(...times);
  return Number.isFinite(first) ? first - now : undefined;
}

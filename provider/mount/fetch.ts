import type { Plan, Source } from '../plan/plan.ts';
import type { Caller } from '../sessions/caller.ts';
import type { ReadOutcome, Reads } from '../sessions/reads.ts';

/** All sources of a plan, side by side, each through its own connection: the outcomes in the order of the plan. */
export async function fetchSecrets(
  plan: Plan,
  caller: Caller,
  reads: Reads,
  signal: AbortSignal,
): Promise<ReadOutcome[]> {
  const byAccess = accessesOf(plan);
  const [only] = byAccess;
  if (only !== undefined && byAccess.length === 1) return await reads.readAll(caller, only, signal);
  const outcomes = new Map<Source, ReadOutcome>();
  await Promise.all(
    byAccess.map(async (sources) => {
      const results = await reads.readAll(caller, sources, signal);
      sources.forEach((source, index) => {
        const result = results[index];
        if (result !== undefined) outcomes.set(source, result);
      });
    }),
  );
  return plan.sources.map((source) => outcomes.get(source) as ReadOutcome);
}

const accesses = new WeakMap<Plan, readonly (readonly Source[])[]>();

/** The sources of each access of a plan, in the order of the plan. */
function accessesOf(plan: Plan): readonly (readonly Source[])[] {
  let found = accesses.get(plan);
  if (found === undefined) {
    found = [...Map.groupBy(plan.sources, ({ accessKey }) => accessKey).values()];
    accesses.set(plan, found);
  }
  return found;
}

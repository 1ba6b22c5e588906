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
  const byAccess = Map.groupBy(plan.sources, ({ accessKey }) => accessKey);
  const outcomes = new Map<Source, ReadOutcome>();
  await Promise.all(
    [...byAccess.values()].map(async (sources) => {
      const results = await reads.readAll(caller, sources, signal);
      sources.forEach((source, index) => {
        const result = results[index];
        if (result !== undefined) outcomes.set(source, result);
      });
    }),
  );
  return plan.sources.map((source) => outcomes.get(source) as ReadOutcome);
}

import type { BenchLab } from '../bench-lab.ts';
import type { Running } from '../contestant.ts';
import { mountLoad, phaseOf } from '../mount-load.ts';
import { openSockets } from '../process-sample.ts';
import type { Figures, Workload } from '../scenario.ts';

/** What a process costs while pods come and go. */
export interface Churn {
  /** Memory and wall time. */
  readonly figures: Figures;
  /** Those that are open at the end. */
  readonly sockets: Figures;
  /** Of all batches together. */
  readonly backendRequests: number;
  readonly connections: number;
}

/**
 * Mounts one batch of pods after the other, each pod once, 50 at a time. `countersOf` gives the `host:port` that counts a batch's
 * backend requests, where that is not the lab's.
 */
export async function churn(
  running: Running,
  lab: BenchLab,
  workloads: Iterable<Workload>,
  countersOf: (workload: Workload) => Promise<string> = async () => lab.counters,
): Promise<Churn> {
  const figures: Record<string, number> = {};
  let [mounts, peak, wall, backendRequests, connections] = [0, 0, 0, 0, 0];
  for (const workload of workloads) {
    const counters = await countersOf(workload);
    const load = [{ name: 'new', rounds: 1, concurrency: 50 }];
    const report = await mountLoad(running, lab, workload, load, { counters });
    const { wall_s, backend_requests, proc_after } = phaseOf(report, 'new');
    if (mounts === 0) figures['RSS idle, MiB'] = report.proc_before.rss_kib / 1024;
    mounts += workload.pods;
    if ([1_000, 3_000, 10_000].includes(mounts)) figures[`RSS after ${mounts}, MiB`] = proc_after.rss_kib / 1024;
    peak = Math.max(peak, proc_after.peak_rss_kib / 1024);
    wall += wall_s;
    backendRequests += backend_requests?.['total'] ?? 0;
    connections += backend_requests?.['connections'] ?? 0;
  }
  return {
    figures: { ...figures, 'highest RSS, MiB': peak, 'wall, s': wall },
    sockets: { 'TCP sockets open at the end': openSockets(running.pid) },
    backendRequests,
    connections,
  };
}

import { setTimeout as delay } from 'node:timers/promises';
import type { DialectName } from '../../../provider/plan/plan.ts';
import type { CloudName } from '../clouds/cloud.ts';
import { mountLoad, type PhaseReport, phaseOf } from '../mount-load.ts';
import { openSockets } from '../process-sample.ts';
import type { Scenario, Workload } from '../scenario.ts';

const pods = 50;
/** Mounts of each pod one after the other: enough of them for a p99. */
const warmRounds = 10;

/** A class as users of a cloud write it, with 3 objects of its pod's ServiceAccount. */
export interface CloudClass extends Pick<Workload, 'audiences' | 'parameters'> {
  readonly dialect: DialectName & CloudName;
}

/** `count` pods with a ServiceAccount each. */
export function cloudWorkload(theClass: CloudClass, count: number): Workload {
  return { ...theClass, pods: count, objects: 3 };
}

/** What a cloud's pods cost, and how often the cloud is asked; `objects` says in words what they read. */
export function cloudPods(theClass: CloudClass, objects: string): Scenario {
  const { dialect } = theClass;
  return {
    name: dialect,
    about: `${pods} pods, each with its own ServiceAccount, its own identity and ${objects}: all at once on a fresh process (cold), then ${warmRounds} times one after the other (warm). Then ${pods} pods of one ServiceAccount, all at once and ten times again (replicas).`,
    workload: cloudWorkload(theClass, pods),
    clouds: [dialect],
    seed: async () => {},
    async run(start, lab) {
      const [running, { counters }] = [await start(), await lab.clouds.get(dialect)];
      try {
        await delay(1_000);
        const report = await mountLoad(
          running,
          lab,
          this.workload,
          [
            { name: 'cold', rounds: 1, concurrency: 0 },
            { name: 'warm', rounds: warmRounds, concurrency: 1 },
          ],
          { counters },
        );
        const [cold, warm] = [phaseOf(report, 'cold'), phaseOf(report, 'warm')];
        const ofOneAccount = { ...this.workload, serviceAccount: 'web' };
        const rounds = { name: 'replicas', rounds: 11, concurrency: 0 };
        const replicas = phaseOf(await mountLoad(running, lab, ofOneAccount, [rounds], { counters }), 'replicas');
        return {
          'cold wall, s': cold.wall_s,
          'cold p50, ms': cold.p50_ms,
          'cold p99, ms': cold.p99_ms,
          'cold CPU, s': cold.provider_cpu_s,
          'cold token exchanges': requests(cold, 'exchanges'),
          'cold reads': requests(cold, 'reads'),
          'cold other requests': requests(cold, 'other'),
          'warm p50, ms': warm.p50_ms,
          'warm p99, ms': warm.p99_ms,
          'warm requests': requests(warm, 'total'),
          'replicas token exchanges': requests(replicas, 'exchanges'),
          'replicas reads': requests(replicas, 'reads'),
          'RSS idle, MiB': report.proc_before.rss_kib / 1024,
          'RSS at the end, MiB': replicas.proc_after.rss_kib / 1024,
          'TCP sockets open at the end': openSockets(running.pid),
        };
      } finally {
        await running.stop();
      }
    },
  };
}

function requests({ backend_requests }: PhaseReport, kind: string): number {
  return backend_requests?.[kind] ?? 0;
}

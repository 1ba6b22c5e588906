import { setTimeout as delay } from 'node:timers/promises';
import { mountLoad, phaseOf } from '../mount-load.ts';
import type { Scenario } from '../scenario.ts';
import { ownSecrets, seedOwnSecrets } from './own-secrets.ts';

const pods = 110;
const objects = 3;

/** The standard question: a full node starts, and then kubelet asks again and again. */
export const stormAndRepublish: Scenario = {
  name: 'storm-and-republish',
  about: `${pods} pods, each with its own ServiceAccount and ${objects} KV v2 objects of its own: all at once on a fresh process (storm), ten times again all at once (republish), then twice one after the other (single).`,
  workload: ownSecrets(pods, objects),
  seed: (bao) => seedOwnSecrets(bao, pods, objects),
  async run(start, lab) {
    const running = await start();
    try {
      // what a process does once after its start is not idle
      await delay(1_000);
      const report = await mountLoad(running, lab, this.workload, [
        { name: 'storm', rounds: 1, concurrency: 0 },
        { name: 'republish', rounds: 10, concurrency: 0 },
        { name: 'single', rounds: 2, concurrency: 1 },
      ]);
      const [storm, republish, single] = [
        phaseOf(report, 'storm'),
        phaseOf(report, 'republish'),
        phaseOf(report, 'single'),
      ];
      return {
        'storm wall, s': storm.wall_s,
        'storm p50, ms': storm.p50_ms,
        'storm p99, ms': storm.p99_ms,
        'storm backend requests': storm.backend_requests?.['total'] ?? 0,
        'republish p50, ms': republish.p50_ms,
        'republish p99, ms': republish.p99_ms,
        'republish wall of a round, s': republish.wall_s / 10,
        'republish backend requests': republish.backend_requests?.['total'] ?? 0,
        'republish CPU per 1000 Mounts, s': (republish.provider_cpu_s / republish.mounts) * 1000,
        'single p50, ms': single.p50_ms,
        'single p99, ms': single.p99_ms,
        'RSS idle, MiB': report.proc_before.rss_kib / 1024,
        'RSS after the storm, MiB': storm.proc_after.rss_kib / 1024,
        'RSS at the end, MiB': single.proc_after.rss_kib / 1024,
      };
    } finally {
      await running.stop();
    }
  },
};

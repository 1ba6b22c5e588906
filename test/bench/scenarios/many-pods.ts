import { setTimeout as delay } from 'node:timers/promises';
import { mountLoad, phaseOf } from '../mount-load.ts';
import { openSockets } from '../process-sample.ts';
import type { Scenario } from '../scenario.ts';
import { seedOwnSecrets } from './own-secrets.ts';

/** As many as a node has at one time, with a class each; then others in their place. */
const batch = 100;
const batches = 100;

/** What pods leave behind: a node that runs jobs has seen thousands of them, and must not remember them for ever. */
export const manyPods: Scenario = {
  name: 'many-pods',
  about: `${batches * batch} pods, ${batch} after ${batch}, one Mount each, 50 at a time: each pod with its own ServiceAccount, its own login and 3 KV v2 objects. Memory and open sockets as they go.`,
  workload: {
    pods: batch,
    objects: 3,
    parameters: { vaultAuthMountPath: 'jwt', roleName: 'bench' },
    object: `- objectName: "o{{.Object}}"
  secretPath: "secret/data/bench/pod{{.Index}}/o{{.Object}}"
  secretKey: "password"`,
  },
  seed: (bao) => seedOwnSecrets(bao, batch, 3),
  async run(start, lab) {
    const running = await start();
    try {
      await delay(1_000);
      const figures: Record<string, number> = {};
      let [peak, wall, connections] = [0, 0, 0];
      for (let done = batch; done <= batches * batch; done += batch) {
        // New pods each time: mountbench gives them new names and uids.
        const report = await mountLoad(running, lab, this.workload, [{ name: 'new', rounds: 1, concurrency: 50 }]);
        const { wall_s, backend_requests, proc_after } = phaseOf(report, 'new');
        if (done === batch) figures['RSS idle, MiB'] = report.proc_before.rss_kib / 1024;
        if ([1_000, 3_000, 10_000].includes(done)) figures[`RSS after ${done}, MiB`] = proc_after.rss_kib / 1024;
        peak = Math.max(peak, proc_after.peak_rss_kib / 1024);
        wall += wall_s;
        connections += backend_requests?.['connections'] ?? 0;
      }
      return {
        ...figures,
        'highest RSS, MiB': peak,
        'wall, s': wall,
        'backend connections made': connections,
        'TCP sockets open at the end': openSockets(running.pid),
      };
    } finally {
      await running.stop();
    }
  },
};

import { setTimeout as delay } from 'node:timers/promises';
import { mountLoad, phaseOf } from '../mount-load.ts';
import type { Scenario } from '../scenario.ts';
import { seedOwnSecrets } from './own-secrets.ts';

const pods = 110;

/** What sharing is worth: a login proves the ServiceAccount, so one login and one read may serve all of its pods. */
export const replicas: Scenario = {
  name: 'replicas',
  about: `${pods} pods of one Deployment: one ServiceAccount with the kubernetes auth method, the same 3 KV v2 objects; all at once on a fresh process, then five times again.`,
  workload: {
    pods,
    objects: 3,
    serviceAccount: 'web',
    parameters: { vaultAuthMountPath: 'kubernetes', roleName: 'bench' },
    object: `- objectName: "o{{.Object}}"
  secretPath: "secret/data/bench/pod0/o{{.Object}}"
  secretKey: "password"`,
  },
  seed: (bao) => seedOwnSecrets(bao, 1, 3),
  async run(start, lab) {
    const running = await start();
    try {
      await delay(1_000);
      const report = await mountLoad(running, lab, this.workload, [
        { name: 'storm', rounds: 1, concurrency: 0 },
        { name: 'republish', rounds: 5, concurrency: 0 },
      ]);
      const [storm, republish] = [phaseOf(report, 'storm'), phaseOf(report, 'republish')];
      return {
        'storm wall, s': storm.wall_s,
        'storm p99, ms': storm.p99_ms,
        'storm backend requests': storm.backend_requests?.['total'] ?? 0,
        'republish p50, ms': republish.p50_ms,
        'republish p99, ms': republish.p99_ms,
        'RSS at the end, MiB': republish.proc_after.rss_kib / 1024,
      };
    } finally {
      await running.stop();
    }
  },
};

import { setTimeout as delay } from 'node:timers/promises';
import { mountLoad, phaseOf } from '../mount-load.ts';
import type { Scenario } from '../scenario.ts';
import { seedOwnSecrets } from './own-secrets.ts';

const latency = 20;

/** Whether reads go in parallel: one after the other, fifty of them take a second. */
export const fiftyObjects: Scenario = {
  name: 'fifty-objects',
  about: `One pod with 50 KV v2 objects, and ${latency} ms more for each backend request: the first Mount, and four more.`,
  workload: {
    pods: 1,
    objects: 50,
    parameters: { vaultAuthMountPath: 'jwt', roleName: 'bench' },
    object: `- objectName: "o{{.Object}}"
  secretPath: "secret/data/bench/pod{{.Index}}/o{{.Object}}"
  secretKey: "password"`,
  },
  seed: (bao) => seedOwnSecrets(bao, 1, 50),
  async run(start, lab) {
    const running = await start();
    try {
      await delay(1_000);
      await lab.delayBackend(latency);
      const report = await mountLoad(running, lab, this.workload, [
        { name: 'first', rounds: 1, concurrency: 0 },
        { name: 'again', rounds: 4, concurrency: 0 },
      ]);
      const [first, again] = [phaseOf(report, 'first'), phaseOf(report, 'again')];
      return {
        'first Mount, ms': first.p50_ms,
        'its backend requests': first.backend_requests?.['total'] ?? 0,
        'its connections': first.backend_requests?.['connections'] ?? 0,
        'later Mounts p50, ms': again.p50_ms,
      };
    } finally {
      await lab.delayBackend(0);
      await running.stop();
    }
  },
};

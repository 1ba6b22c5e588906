import { setTimeout as delay } from 'node:timers/promises';
import { mountLoad, phaseOf } from '../mount-load.ts';
import type { Scenario } from '../scenario.ts';
import { seedOwnSecrets } from './own-secrets.ts';

const latency = 20;

/** Whether reads go in parallel: one after the other, fifty of them take a second. */
export const fiftyObjects: Scenario = {
  name: 'fifty-objects',
  about: `Pods with 50 KV v2 objects that are read anew at each Mount, one pod after the other, and ${latency} ms more for each backend request.`,
  workload: {
    pods: 9,
    objects: 50,
    parameters: { vaultAuthMountPath: 'jwt', roleName: 'bench', refreshInterval: '0' },
    object: `- objectName: "o{{.Object}}"
  secretPath: "secret/data/bench/pod0/o{{.Object}}"
  secretKey: "password"`,
  },
  seed: (bao) => seedOwnSecrets(bao, 1, 50),
  async run(start, lab) {
    const running = await start();
    try {
      await delay(1_000);
      await lab.delayBackend(latency);
      const one = [{ name: 'first', rounds: 1, concurrency: 1 }];
      const first = phaseOf(await mountLoad(running, lab, { ...this.workload, pods: 1 }, one), 'first');
      const report = await mountLoad(running, lab, this.workload, [
        { name: 'login', rounds: 1, concurrency: 1 },
        { name: 'again', rounds: 3, concurrency: 1 },
      ]);
      const [login, again] = [phaseOf(report, 'login'), phaseOf(report, 'again')];
      return {
        'first Mount of the process, ms': first.p50_ms,
        'its backend requests': first.backend_requests?.['total'] ?? 0,
        'its connections': first.backend_requests?.['connections'] ?? 0,
        'Mount without a session p50, ms': login.p50_ms,
        'Mount with a session p50, ms': again.p50_ms,
        'with a session p99, ms': again.p99_ms,
      };
    } finally {
      await lab.delayBackend(0);
      await running.stop();
    }
  },
};

import { setTimeout as delay } from 'node:timers/promises';
import { mountLoad, phaseOf } from '../mount-load.ts';
import { sampleProcess } from '../process-sample.ts';
import type { Scenario } from '../scenario.ts';
import { seedOwnSecrets } from './own-secrets.ts';

/** A restarted pod of the DaemonSet: how long no volume can be mounted, and what it costs while nothing happens. */
export const startUp: Scenario = {
  name: 'start-up',
  about:
    'A fresh process, and the first Mount of 3 KV v2 objects sent as soon as its socket accepts connections. Idle is 3 seconds later.',
  workload: {
    pods: 1,
    objects: 3,
    parameters: { vaultAuthMountPath: 'jwt', roleName: 'bench' },
    object: `- objectName: "o{{.Object}}"
  secretPath: "secret/data/bench/pod{{.Index}}/o{{.Object}}"
  secretKey: "password"`,
  },
  seed: (bao) => seedOwnSecrets(bao, 1, 3),
  async run(start, lab) {
    const begin = performance.now();
    const running = await start();
    const listening = performance.now() - begin;
    const cpuListening = sampleProcess(running.pid).cpuSeconds;
    try {
      const report = await mountLoad(running, lab, this.workload, [{ name: 'first', rounds: 1, concurrency: 0 }]);
      const first = phaseOf(report, 'first');
      await delay(3_000);
      return {
        'spawn to socket, ms': listening,
        'first Mount, ms': first.p50_ms,
        'spawn to first Mount served, ms': listening + first.p50_ms,
        'CPU until the socket, s': cpuListening,
        'RSS idle, MiB': sampleProcess(running.pid).rssMiB,
      };
    } finally {
      await running.stop();
    }
  },
};

import { setTimeout as delay } from 'node:timers/promises';
import type { Scenario } from '../scenario.ts';
import { churn } from './churn.ts';
import { ownSecrets, seedOwnSecrets } from './own-secrets.ts';

/** As many as a node has at one time, with a class each; then others in their place. */
const batch = 100;
const batches = 100;

/** What pods leave behind: a node that runs jobs has seen thousands of them, and must not remember them for ever. */
export const manyPods: Scenario = {
  name: 'many-pods',
  about: `${batches * batch} pods, ${batch} after ${batch}, one Mount each, 50 at a time: each pod with its own ServiceAccount, its own login and 3 KV v2 objects. Memory and open sockets as they go.`,
  workload: ownSecrets(batch, 3),
  seed: (bao) => seedOwnSecrets(bao, batch, 3),
  async run(start, lab) {
    const running = await start();
    try {
      await delay(1_000);
      // New pods each time: mountbench gives them new names and uids.
      const same = Array.from({ length: batches }, () => this.workload);
      const { figures, sockets, connections } = await churn(running, lab, same);
      return { ...figures, 'backend connections made': connections, ...sockets };
    } finally {
      await running.stop();
    }
  },
};

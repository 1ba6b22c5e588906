import { setTimeout as delay } from 'node:timers/promises';
import type { BenchLab } from '../bench-lab.ts';
import { accountOf, batch, batches } from '../clouds/accounts.ts';
import { cloudNames } from '../clouds/cloud.ts';
import type { Scenario, Workload } from '../scenario.ts';
import { awsClass } from './aws.ts';
import { azureClass } from './azure.ts';
import { churn } from './churn.ts';
import { cloudWorkload } from './cloud-pods.ts';
import { gcpClass } from './gcp.ts';
import { ownSecrets, seedOwnSecrets } from './own-secrets.ts';

const vault = ownSecrets(batch, 3);
const workloads = [vault, ...[awsClass, gcpClass, azureClass].map((each) => cloudWorkload(each, batch))];
const total = batches * workloads.length * batch;

/** What the backends cost together, where one process serves all of them. */
export const allBackends: Scenario = {
  name: 'all-backends',
  about: `${total} pods, ${batch} of Vault, then ${batch} of AWS, of Google Cloud and of Azure, and so on: one Mount each, 50 at a time, each pod with its own ServiceAccount, its own login and 3 objects. One run, of keymount alone.`,
  workload: vault,
  clouds: cloudNames,
  contestants: ['keymount'],
  mostRuns: 1,
  seed: (bao) => seedOwnSecrets(bao, batch, 3),
  async run(start, lab) {
    const begin = performance.now();
    const running = await start();
    const startTime = performance.now() - begin;
    try {
      await delay(1_000);
      const countersHere = (workload: Workload) => countersOf(workload, lab);
      const { figures, sockets, backendRequests } = await churn(running, lab, newPods(), countersHere);
      return { 'spawn to socket, ms': startTime, ...figures, 'backend requests': backendRequests, ...sockets };
    } finally {
      await running.stop();
    }
  },
};

/** Batches of pods whose ServiceAccounts were not there before: nothing is shared with those that are gone. */
function* newPods(): Generator<Workload> {
  for (let round = 0; round < batches; round++) {
    for (const workload of workloads) yield { ...workload, serviceAccount: accountOf(round, '{{.Index}}') };
  }
}

async function countersOf({ dialect }: Workload, lab: BenchLab): Promise<string> {
  const name = cloudNames.find((cloud) => cloud === dialect);
  return name === undefined ? lab.counters : (await lab.clouds.get(name)).counters;
}

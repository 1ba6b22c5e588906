import { setTimeout as delay } from 'node:timers/promises';
import type { BenchLab } from '../bench-lab.ts';
import { accountOf, batch, batches } from '../clouds/accounts.ts';
import { cloudNames } from '../clouds/cloud.ts';
import { mountLoad, phaseOf } from '../mount-load.ts';
import { openSockets } from '../process-sample.ts';
import type { Figures, Scenario, Workload } from '../scenario.ts';
import { awsClass } from './aws.ts';
import { azureClass } from './azure.ts';
import { cloudWorkload } from './cloud-pods.ts';
import { gcpClass } from './gcp.ts';
import { seedOwnSecrets } from './own-secrets.ts';

const vault: Workload = {
  pods: batch,
  objects: 3,
  parameters: { vaultAuthMountPath: 'jwt', roleName: 'bench' },
  object: `- objectName: "o{{.Object}}"
  secretPath: "secret/data/bench/pod{{.Index}}/o{{.Object}}"
  secretKey: "password"`,
};
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
    const figures: Figures = { 'spawn to socket, ms': performance.now() - begin };
    try {
      await delay(1_000);
      let [mounts, peak, wall, requests] = [0, 0, 0, 0];
      for (const workload of newPods()) {
        const counters = await countersOf(workload, lab);
        const load = [{ name: 'new', rounds: 1, concurrency: 50 }];
        const report = await mountLoad(running, lab, workload, load, { counters });
        const { wall_s, backend_requests, proc_after } = phaseOf(report, 'new');
        if (mounts === 0) figures['RSS idle, MiB'] = report.proc_before.rss_kib / 1024;
        mounts += batch;
        if ([1_000, 3_000, total].includes(mounts)) figures[`RSS after ${mounts}, MiB`] = proc_after.rss_kib / 1024;
        peak = Math.max(peak, proc_after.peak_rss_kib / 1024);
        wall += wall_s;
        requests += backend_requests?.['total'] ?? 0;
      }
      return {
        ...figures,
        'highest RSS, MiB': peak,
        'wall, s': wall,
        'backend requests': requests,
        'TCP sockets open at the end': openSockets(running.pid),
      };
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

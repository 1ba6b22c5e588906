import { setTimeout as delay } from 'node:timers/promises';
import { driverRequest } from '../../lab/driver-attributes.ts';
import { openClient, type ProviderClient } from '../../lab/grpc-client.ts';
import { requestJson } from '../../lab/http-json.ts';
import { aPod } from '../../lab/pod.ts';
import { podTokens } from '../../lab/pod-token.ts';
import type { BenchLab } from '../bench-lab.ts';
import { firstClass } from '../constant-reply.ts';
import type { Scenario, Workload } from '../scenario.ts';
import { median } from '../table.ts';
import { seedOwnSecrets } from './own-secrets.ts';

const pods = 110;
/** Seconds. The usual interval is a minute; what counts is how many of them pass. */
const interval = 5;
const intervals = 3;

/** What a dead Vault costs the node, and a node costs a Vault that comes back. */
export const outage: Scenario = {
  name: 'outage',
  about: `OpenBao answers 503 (sealed) for ${intervals} refresh intervals of ${interval} s, while kubelet asks for ${pods} pods once an interval, evenly spread; each has its own ServiceAccount and 3 KV v2 objects. A Mount that fails leaves the pod its files. Then it is back.`,
  workload: {
    pods,
    objects: 3,
    parameters: { vaultAuthMountPath: 'jwt', roleName: 'bench', refreshInterval: `${interval}s` },
    object: `- objectName: "o{{.Object}}"
  secretPath: "secret/data/bench/pod0/o{{.Object}}"
  secretKey: "password"`,
  },
  seed: (bao) => seedOwnSecrets(bao, 1, 3),
  async run(start, lab) {
    const running = await start();
    const client = openClient(running.socket('vault'));
    try {
      const requests = requestsOf(this.workload, lab);
      await mountInterval(client, requests);
      await lab.bao.seal();
      await resetCounts(lab);
      const away: Mounts = { failed: 0, milliseconds: [] };
      for (let passed = 0; passed < intervals; passed++) await mountInterval(client, requests, away);
      const asked = await counts(lab);
      const fresh = await mountAll(client, requestsOf(this.workload, lab));
      await resetCounts(lab);
      await lab.bao.unseal();
      const back: Mounts = { failed: 0, milliseconds: [] };
      for (let passed = 0; passed < intervals; passed++) await mountInterval(client, requests, back);
      const recovery = await counts(lab);
      return {
        'Mounts during the outage': away.milliseconds.length,
        'of these failed': away.failed,
        'backend requests during it': asked.total,
        'a second': asked.total / (interval * intervals),
        'answer p50, ms': median(away.milliseconds),
        'longest answer, ms': Math.max(...away.milliseconds),
        [`${pods} new pods at once, p50, ms`]: median(fresh.milliseconds),
        'failed Mounts after it': back.failed,
        [`backend requests in ${intervals} intervals after it`]: recovery.total,
        'at most at once': recovery.max_in_flight,
      };
    } finally {
      client.close();
      await lab.bao.unseal();
      await running.stop();
    }
  },
};

interface Mounts {
  failed: number;
  milliseconds: number[];
}

function requestsOf(workload: Workload, lab: BenchLab): string[] {
  return Array.from({ length: workload.pods }, (_, index) => {
    const pod = aPod({ namespace: 'bench', serviceAccount: `app-${index}` });
    const tokens = podTokens(lab.issuer, pod, ['vault', 'openbao']);
    return driverRequest({ parameters: firstClass(workload), pod, tokens }).attributes;
  });
}

/** A Mount of each, spread over one interval. */
async function mountInterval(client: ProviderClient, requests: string[], into?: Mounts): Promise<void> {
  const ends = performance.now() + interval * 1000;
  const mounts = requests.map(async (request, index) => {
    await delay((index * interval * 1000) / requests.length);
    await mountOne(client, request, into);
  });
  await Promise.all(mounts);
  await delay(Math.max(0, ends - performance.now()));
}

async function mountAll(client: ProviderClient, requests: string[]): Promise<Mounts> {
  const all: Mounts = { failed: 0, milliseconds: [] };
  await Promise.all(requests.map((request) => mountOne(client, request, all)));
  return all;
}

async function mountOne(client: ProviderClient, request: string, into?: Mounts): Promise<void> {
  const began = performance.now();
  const outcome = await client.mount(request);
  if (into === undefined) {
    if ('code' in outcome) throw new Error(`a Mount failed while OpenBao was there: ${outcome.message}`);
    return;
  }
  into.milliseconds.push(performance.now() - began);
  if ('code' in outcome) into.failed++;
}

async function counts(lab: BenchLab): Promise<{ total: number; max_in_flight: number }> {
  const { body } = await requestJson(`http://${lab.counters}/counts`);
  return body as { total: number; max_in_flight: number };
}

async function resetCounts(lab: BenchLab): Promise<void> {
  await requestJson(`http://${lab.counters}/reset`, { method: 'POST' });
}

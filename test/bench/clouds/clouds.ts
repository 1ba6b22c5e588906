import type { FakeKube } from '../../lab/fakekube.ts';
import type { TokenIssuer } from '../../lab/pod-token.ts';
import { namespace } from './accounts.ts';
import { type Cloud, type CloudName, startCloud } from './cloud.ts';

/** The clouds of a benchmark. */
export interface Clouds {
  /** Starts it when it is first asked for. */
  get(name: CloudName): Promise<Cloud>;
  stop(): Promise<void>;
}

/** Tokens of `issuer` are those of the cluster whose API `kube` is. */
export function createClouds(issuer: TokenIssuer, kube: FakeKube): Clouds {
  const clouds = new Map<CloudName, Promise<Cloud>>();
  const annotations: Record<string, Record<string, string>> = {};
  let annotating = Promise.resolve();

  async function start(name: CloudName): Promise<Cloud> {
    const cloud = await startCloud(name, issuer);
    // one cloud after the other: a ServiceAccount's annotations are written all at once, those of all clouds
    annotating = annotating.then(() => annotate(cloud));
    await annotating;
    return cloud;
  }

  async function annotate(cloud: Cloud): Promise<void> {
    const changes = Object.entries(cloud.annotations);
    const write = async () => {
      for (let change = changes.pop(); change !== undefined; change = changes.pop()) {
        const [account, more] = change;
        const all = { ...annotations[account], ...more };
        annotations[account] = all;
        await kube.annotate(namespace, account, all);
      }
    };
    await Promise.all(Array.from({ length: 16 }, write));
  }

  return {
    get(name) {
      const cloud = clouds.get(name) ?? start(name);
      clouds.set(name, cloud);
      return cloud;
    },
    async stop() {
      const started = await Promise.allSettled(clouds.values());
      const running = started.flatMap((cloud) => (cloud.status === 'fulfilled' ? [cloud.value] : []));
      await Promise.all(running.map((cloud) => cloud.stop()));
    },
  };
}

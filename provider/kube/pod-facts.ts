import { LRUCache } from 'lru-cache';
import { KeymountError } from '../errors.ts';
import type { Clock } from '../util/clock.ts';
import { Flights } from '../util/flight.ts';
import { isJsonObject, type JsonObject, ownKey } from '../util/json.ts';
import type { KubeApi } from './api.ts';
import { describe } from './kube-error.ts';
import { getNode } from './nodes.ts';
import { getServiceAccount } from './service-accounts.ts';

/** What only the cluster knows of a pod's surroundings, remembered: a Mount must not wait for the API server each time. */
export interface PodFacts {
  /** Throws `cluster-unavailable`. */
  readonly annotations: (
    namespace: string,
    serviceAccount: string,
    signal: AbortSignal,
  ) => Promise<ReadonlyMap<string, string>>;
  /** Of the node that keymount runs on. Throws `cluster-unavailable`. */
  readonly nodeLabels: (signal: AbortSignal) => Promise<ReadonlyMap<string, string>>;
}

export interface PodFactsDeps {
  /** undefined: there is no cluster. */
  readonly api: KubeApi | undefined;
  readonly nodeName: string | undefined;
  readonly clock: Clock;
}

type Names = ReadonlyMap<string, string>;

/**
 * Milliseconds. An annotation is changed by hand, and its pods are started anew for it. The labels of a node may come after its
 * first pods, and are asked for by logins alone.
 */
const annotationsAge = 60_000;
const labelsAge = 0;

export function createPodFacts({ api, nodeName, clock }: PodFactsDeps): PodFacts {
  const known = new LRUCache<string, { names: Names; until: number }>({ max: 2_000 });
  const flights = new Flights<Names>();

  async function remember(
    key: string,
    age: number,
    what: string,
    fetch: (api: KubeApi, signal: AbortSignal) => Promise<JsonObject>,
    field: 'annotations' | 'labels',
    signal: AbortSignal,
  ): Promise<Names> {
    const old = known.get(key);
    if (old !== undefined && old.until > clock.now()) return old.names;
    if (api === undefined) throw unavailable(what, 'keymount runs without a cluster');
    try {
      const names = await flights.run(key, signal, async (shared) => namesOf(await fetch(api, shared), field));
      known.set(key, { names, until: clock.now() + age });
      return names;
    } catch (error) {
      signal.throwIfAborted();
      // What was true a minute ago is better than no secrets while the API server is away.
      if (old !== undefined) return old.names;
      throw unavailable(what, describe(error));
    }
  }

  return {
    annotations: (namespace, name, signal) =>
      remember(
        `account ${namespace}/${name}`,
        annotationsAge,
        `the annotations of ServiceAccount ${namespace}/${name}`,
        (cluster, shared) => getServiceAccount(cluster, namespace, name, { signal: shared }),
        'annotations',
        signal,
      ),
    nodeLabels: async (signal) => {
      if (nodeName === undefined) throw unavailable('the labels of this node', 'the setting nodeName is missing');
      const fetch = (cluster: KubeApi, shared: AbortSignal) => getNode(cluster, nodeName, { signal: shared });
      return await remember('node', labelsAge, `the labels of node ${nodeName}`, fetch, 'labels', signal);
    },
  };
}

function namesOf(object: JsonObject, field: string): Names {
  const metadata = ownKey(object, 'metadata');
  const names = isJsonObject(metadata) ? ownKey(metadata, field) : undefined;
  if (!isJsonObject(names)) return new Map();
  return new Map(Object.entries(names).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

function unavailable(what: string, reason: string): KeymountError {
  return new KeymountError('cluster-unavailable', `${what} are not to be had`, {
    reason,
    hint: 'keymount needs the API server and the permission to get them, or the class has to say what they would',
  });
}

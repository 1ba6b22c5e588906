import { LRUCache } from 'lru-cache';
import { oneLine } from '../errors.ts';
import { inBackground } from '../util/background.ts';
import type { Clock } from '../util/clock.ts';
import { apiPath, type KubeApi } from './api.ts';
import { describe, KubeError } from './kube-error.ts';
import type { BoundPod } from './pod-token.ts';

/**
 * Warning events on pods whose secrets could not be refreshed: the driver (v1.6.0) hides a provider's error at a republish from
 * kubelet, so without them nobody sees it in `kubectl describe pod`.
 */
export interface PodEvents {
  /** Returns at once and never throws. `text` is what `formatError` gives: shown to whoever may read events, so no secrets. */
  readonly rotationFailed: (pod: Omit<BoundPod, 'serviceAccount'>, text: string) => void;
  /** The same of anything else, under a reason of its own. */
  readonly warn: (pod: Omit<BoundPod, 'serviceAccount'>, reason: string, text: string) => void;
}

export interface PodEventsDeps {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly nodeName: string | undefined;
  /** Called once, when RBAC does not allow events: none is tried any more. */
  readonly onForbidden: (reason: string) => void;
  /** Milliseconds before the same text is said again of a pod; 15 min unless told (an event lives for an hour). */
  readonly repeatAfter?: number;
  /** Events at once, and then one more each `refill` milliseconds; 25 and 12 s unless told. */
  readonly burst?: number;
  readonly refill?: number;
}

/** The API server's limit for `message` of a core/v1 Event, in characters. */
const longestMessage = 1024;

export function createPodEvents(deps: PodEventsDeps): PodEvents {
  const { api, clock, repeatAfter = 900_000 } = deps;
  const said = new LRUCache<string, number>({ max: 1000 });
  const bucket = createBucket(clock, deps.burst ?? 25, deps.refill ?? 12_000);
  let forbidden = false;

  async function send(pod: Omit<BoundPod, 'serviceAccount'>, reason: string, message: string): Promise<void> {
    const path = apiPath('api', 'v1', 'namespaces', pod.namespace, 'events');
    const facts = { reason, message, time: new Date(clock.now()).toISOString(), nodeName: deps.nodeName };
    await api.post(path, warning(pod, facts));
  }

  const onFailed = (error: unknown) => {
    // Anything else passes; the failure itself is in log and metrics anyway.
    if (!(error instanceof KubeError && error.is(403)) || forbidden) return;
    forbidden = true;
    deps.onForbidden(describe(error));
  };

  function warn(pod: Omit<BoundPod, 'serviceAccount'>, reason: string, text: string): void {
    if (forbidden) return;
    const message = oneLine(text).slice(0, longestMessage);
    const key = JSON.stringify([pod.podUid, message]);
    const last = said.get(key);
    if (last !== undefined && clock.now() - last < repeatAfter) return;
    if (!bucket.take()) return;
    said.set(key, clock.now());
    inBackground(send(pod, reason, message), onFailed);
  }

  return { warn, rotationFailed: (pod, text) => warn(pod, 'SecretRotationFailed', text) };
}

interface WarningFacts {
  readonly reason: string;
  readonly message: string;
  readonly time: string;
  readonly nodeName: string | undefined;
}

function warning(pod: Omit<BoundPod, 'serviceAccount'>, { reason, message, time, nodeName }: WarningFacts) {
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { generateName: `${pod.pod}.`, namespace: pod.namespace },
    involvedObject: { apiVersion: 'v1', kind: 'Pod', name: pod.pod, namespace: pod.namespace, uid: pod.podUid },
    reason,
    type: 'Warning',
    message,
    source: { component: 'keymount', ...(nodeName === undefined ? {} : { host: nodeName }) },
    firstTimestamp: time,
    lastTimestamp: time,
    count: 1,
  };
}

function createBucket(clock: Clock, burst: number, refill: number) {
  let left = burst;
  let since = clock.now();
  return {
    take(): boolean {
      const gained = Math.floor((clock.now() - since) / refill);
      left = Math.min(burst, left + gained);
      since += gained * refill;
      if (left < 1) return false;
      left--;
      return true;
    },
  };
}

import { LRUCache } from 'lru-cache';

/** One volume of one pod. */
export interface Volume {
  readonly namespace: string;
  readonly class: string;
  readonly podUid: string;
}

/**
 * Which volumes fail to be refreshed. The driver (v1.6.0) hides a provider's error when it asks again for a volume that it has
 * mounted, so nobody else tells; the error of a first Mount it tells itself.
 */
export interface Rotation {
  /** The volume was mounted or refused. Says whether it is a refresh that failed. */
  readonly note: (volume: Volume, ok: boolean) => { readonly rotationFailed: boolean };
  /** The pod is gone, by proof. */
  readonly podEnded: (podUid: string) => void;
  /** Volumes that failed last time, by namespace and class. */
  readonly failing: () => Iterable<{ readonly namespace: string; readonly class: string; readonly volumes: number }>;
}

/** kubelet runs some hundred pods on a node, each with a volume or a few; the ones not seen for longest are forgotten. */
const mostVolumes = 2_000;

/**
 * Milliseconds after which a volume that failed and was not asked for again counts no more: not every end of a pod is told here, and
 * kubelet asks for one that fails after two minutes at the latest.
 */
const failingFor = 900_000;

interface Seen {
  readonly volume: Volume;
  failing: boolean;
  at: number;
}

/** `now` in milliseconds, evenly. */
export function createRotation(now: () => number): Rotation {
  const mounted = new LRUCache<string, Seen>({ max: mostVolumes });
  return {
    note(volume, ok) {
      const key = JSON.stringify([volume.podUid, volume.namespace, volume.class]);
      const known = mounted.get(key);
      if (ok) mounted.set(key, { volume, failing: false, at: now() });
      else if (known !== undefined) Object.assign(known, { failing: true, at: now() });
      return { rotationFailed: !ok && known !== undefined };
    },
    podEnded(podUid) {
      for (const [key, { volume }] of mounted.entries()) if (volume.podUid === podUid) mounted.delete(key);
    },
    *failing() {
      const counts = new Map<string, { namespace: string; class: string; volumes: number }>();
      for (const { volume, failing, at } of mounted.values()) {
        const key = JSON.stringify([volume.namespace, volume.class]);
        const count = counts.get(key) ?? { namespace: volume.namespace, class: volume.class, volumes: 0 };
        if (failing && now() - at < failingFor) count.volumes++;
        counts.set(key, count);
      }
      yield* counts.values();
    },
  };
}

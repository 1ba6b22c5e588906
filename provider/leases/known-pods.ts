import type { WatchedPod } from '../kube/pod-watch.ts';

interface KnownPod {
  /** The place of its last Mount in the order of Mounts and begun lists. */
  readonly order: number;
  /** It was seen in the API under this very uid. */
  seen: boolean;
}

/** Pods remembered at once. The oldest are forgotten, which proves nothing about them. */
const most = 10_000;

/**
 * The pods whose end is waited for, against what the API shows. Order is counted, not timed: a list can tell of a pod's absence
 * only if it was begun after the pod's last Mount, whatever the clock did in between.
 */
export class KnownPods {
  readonly #known = new Map<string, KnownPod>();
  /** Uids by which kubelet knows static pods, told by their mirrors. */
  readonly #static = new Set<string>();
  #present = new Set<string>();
  #order = 0;
  #begun: { readonly list: number; readonly order: number } | undefined;

  get size(): number {
    return this.#known.size;
  }

  mounted(uid: string): void {
    const seen = this.#known.get(uid)?.seen ?? this.#present.has(uid);
    this.#known.delete(uid);
    this.#known.set(uid, { order: ++this.#order, seen });
    dropOldest(this.#known);
  }

  /** Returns whether it was known. */
  forget(uid: string): boolean {
    return this.#known.delete(uid);
  }

  clear(): void {
    this.#known.clear();
  }

  listBegun(list: number): void {
    this.#begun = { list, order: ++this.#order };
  }

  /** Takes a complete list in. Returns the known pods that it proves to be absent if it is of this node: none of them forgotten yet. */
  listed(list: number, pods: readonly WatchedPod[]): string[] {
    const begun = this.#begun;
    this.#begun = undefined;
    this.#present = new Set();
    for (const pod of pods) this.see(pod);
    if (begun?.list !== list) return [];
    return [...this.#known]
      .filter(([uid, { order }]) => order < begun.order && this.isInDoubt(uid))
      .map(([uid]) => uid);
  }

  see({ uid, staticUid }: WatchedPod): void {
    this.#present.add(uid);
    const known = this.#known.get(uid);
    if (known !== undefined) known.seen = true;
    if (staticUid === undefined) return;
    this.#static.add(staticUid);
    dropOldest(this.#static);
  }

  /** Returns whether it was known. The mirror of a static pod has another uid than the pod: its end is not the pod's. */
  gone({ uid }: WatchedPod): boolean {
    this.#present.delete(uid);
    return this.#known.delete(uid);
  }

  /** The API should show the pod, and as far as is known it does not. */
  isInDoubt(uid: string): boolean {
    return !this.#present.has(uid) && !this.#isStatic(uid);
  }

  someInDoubt(): boolean {
    return [...this.#known.keys()].some((uid) => this.isInDoubt(uid));
  }

  /**
   * A static pod is not in the API: kubelet gives it a uid of its own, an MD5 in hex unless its file has one
   * (k8s.io/kubernetes pkg/kubelet/config/common.go), and puts a mirror with another uid into the API, which can be deleted
   * while the pod runs. What was itself seen in the API is none, whatever annotations somebody gives to other pods.
   */
  #isStatic(uid: string): boolean {
    if (this.#known.get(uid)?.seen === true) return false;
    return /^[0-9a-f]{32}$/.test(uid) || this.#static.has(uid);
  }
}

function dropOldest(remembered: Map<string, unknown> | Set<string>): void {
  const [oldest] = remembered.keys();
  if (remembered.size > most && oldest !== undefined) remembered.delete(oldest);
}

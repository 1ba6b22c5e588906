import type { PodWatch, PodWatchEvent, WatchedPod } from '../kube/pod-watch.ts';
import type { Clock } from '../util/clock.ts';
import { KnownPods } from './known-pods.ts';

/**
 * How a pod's end was proven. `deleted`: the watch said that it is gone from the API, or finished. `absent`: a complete list that
 * was begun after the pod's last Mount, and that has keymount's own pod in it, has it no more.
 */
export type HowEnded = 'deleted' | 'absent';

/**
 * Which pods are proven to be gone. Nothing else ends a pod: not silence, an API server that is away, a gap in the watch, an
 * empty list, or another pod under the same name. A pod that is not known here (`mounted`) is none of its business.
 */
export interface PodEnds {
  /** Begins to watch, or says through `onUnable` why it cannot. Later calls do nothing. */
  readonly start: () => void;
  /** To be called when a Mount of the pod begins, and before `start` for every pod of the stored state. */
  readonly mounted: (podUid: string) => void;
  /** The pod holds nothing any more: its end is of no interest until it mounts again. */
  readonly forget: (podUid: string) => void;
  readonly status: () => PodEndsStatus;
  readonly stop: () => Promise<void>;
}

/** For `keymount status`. */
export interface PodEndsStatus {
  readonly state: 'not started' | 'unable' | 'starting' | 'watching' | 'broken' | 'stopped';
  /** Why it is unable or broken, or why its lists prove nothing. */
  readonly reason: string | undefined;
  /** The last complete list: milliseconds since 1970, and how many pods were in it. */
  readonly lastList: { readonly at: number; readonly pods: number } | undefined;
  /** Pods whose end is waited for. */
  readonly known: number;
  /** Ends proven so far. */
  readonly ended: number;
}

export interface PodEndsDeps {
  /** undefined: there is no cluster. */
  readonly openWatch: ((nodeName: string, onEvent: (event: PodWatchEvent) => void) => PodWatch) | undefined;
  readonly clock: Clock;
  readonly nodeName: string | undefined;
  /** keymount's own pod; undefined: not known. */
  readonly ownPod: { readonly namespace: string; readonly name: string } | undefined;
  /** Once for each end. It is not awaited and must not throw. */
  readonly onEnded: (podUid: string, how: HowEnded) => void;
  /** Once for each reason: one line that says why no end can be proven, and what that costs. */
  readonly onUnable: (reason: string) => void;
}

/** Milliseconds from a Mount of a pod that the watch does not know to a list, and at least from one such list to the next. */
const listAfter = 10_000;
const listEvery = 60_000;
/** The same where lists prove nothing. */
const listRarely = 600_000;

export function createPodEnds(deps: PodEndsDeps): PodEnds {
  const ends = new Ends(deps);
  return {
    start: () => ends.start(),
    mounted: (podUid) => ends.mounted(podUid),
    forget: (podUid) => ends.forget(podUid),
    status: () => ends.status(),
    stop: () => ends.stop(),
  };
}

class Ends {
  readonly #deps: PodEndsDeps;
  readonly #pods = new KnownPods();
  readonly #said = new Set<string>();
  readonly #stop = new AbortController();
  #watch: PodWatch | undefined;
  #state: PodEndsStatus['state'] = 'not started';
  #broken: string | undefined;
  #doubt: string | undefined;
  #lastList: PodEndsStatus['lastList'];
  #listWanted = false;
  #ended = 0;

  constructor(deps: PodEndsDeps) {
    this.#deps = deps;
  }

  start(): void {
    if (this.#state !== 'not started') return;
    const { openWatch, nodeName } = this.#deps;
    const missing = whatIsMissing(this.#deps);
    if (missing !== undefined || openWatch === undefined || nodeName === undefined) {
      this.#state = 'unable';
      this.#broken = missing;
      this.#pods.clear();
      this.#say('unable', missing ?? '');
      return;
    }
    this.#state = 'starting';
    this.#watch = openWatch(nodeName, (event) => this.#take(event));
    this.#watch.start();
  }

  mounted(podUid: string): void {
    if (this.#state === 'unable' || this.#state === 'stopped') return;
    this.#pods.mounted(podUid);
    // The watch tells of changes only, and may have told of this pod's end before it was known here.
    if (this.#pods.isInDoubt(podUid)) this.#wantList();
  }

  forget(podUid: string): void {
    this.#pods.forget(podUid);
  }

  status(): PodEndsStatus {
    return {
      state: this.#state,
      reason: this.#broken ?? this.#doubt,
      lastList: this.#lastList,
      known: this.#pods.size,
      ended: this.#ended,
    };
  }

  async stop(): Promise<void> {
    this.#state = 'stopped';
    this.#stop.abort(null);
    await this.#watch?.stop();
  }

  #take(event: PodWatchEvent): void {
    if (this.#state === 'stopped') return;
    switch (event.type) {
      case 'list-begun':
        this.#pods.listBegun(event.list);
        break;
      case 'listed':
        this.#listed(event.list, event.pods);
        break;
      case 'present':
        this.#pods.see(event.pod);
        break;
      case 'gone':
        if (this.#pods.gone(event.pod)) this.#end(event.pod.uid, 'deleted');
        break;
      case 'watching':
        this.#state = 'watching';
        this.#broken = undefined;
        break;
      case 'broken':
        this.#state = 'broken';
        this.#broken = event.reason;
        if (event.forbidden) this.#say('forbidden', `${event.reason} (keymount needs to list and watch pods)`);
    }
  }

  #listed(list: number, pods: readonly WatchedPod[]): void {
    this.#lastList = { at: this.#deps.clock.now(), pods: pods.length };
    const absent = this.#pods.listed(list, pods);
    const { ownPod, nodeName } = this.#deps;
    if (!pods.some(({ namespace, name }) => namespace === ownPod?.namespace && name === ownPod.name)) {
      // A wrong name of the node looks just like a node whose pods are all gone.
      const own = `${ownPod?.namespace}/${ownPod?.name}`;
      this.#doubt = `the pods of node ${nodeName} do not include keymount's own pod ${own}`;
      this.#say('own pod', this.#doubt);
      return;
    }
    this.#doubt = undefined;
    for (const uid of absent) if (this.#pods.forget(uid)) this.#end(uid, 'absent');
  }

  #end(uid: string, how: HowEnded): void {
    this.#ended++;
    this.#deps.onEnded(uid, how);
  }

  #wantList(): void {
    if (this.#listWanted || this.#watch === undefined) return;
    this.#listWanted = true;
    const { clock } = this.#deps;
    const since = this.#lastList === undefined ? listRarely : Math.max(0, clock.now() - this.#lastList.at);
    const pause = Math.max(listAfter, (this.#doubt === undefined ? listEvery : listRarely) - since);
    clock.sleep(pause, this.#stop.signal).then(
      () => {
        this.#listWanted = false;
        if (this.#pods.someInDoubt()) this.#watch?.listAgain();
      },
      () => {},
    );
  }

  #say(kind: string, reason: string): void {
    if (this.#said.has(kind)) return;
    this.#said.add(kind);
    const cost = 'the credentials of pods that are gone are not revoked, they live until their own end';
    this.#deps.onUnable(`${reason}: no end of a pod can be proven, so ${cost}`);
  }
}

function whatIsMissing({ openWatch, nodeName, ownPod }: PodEndsDeps): string | undefined {
  if (openWatch === undefined) return 'keymount runs without a cluster';
  if (nodeName === undefined) return 'the name of this node is not known (setting nodeName)';
  if (ownPod === undefined) return "keymount's own pod is not known (setting podName, POD_NAMESPACE)";
  return undefined;
}

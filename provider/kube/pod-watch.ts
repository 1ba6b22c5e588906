import type { Clock } from '../util/clock.ts';
import type { KubeApi } from './api.ts';

/** A pod as far as its end is concerned. */
export interface WatchedPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** On the mirror of a static pod: the uid by which kubelet, and so the driver, knows the pod itself. */
  readonly staticUid: string | undefined;
}

export type PodWatchEvent =
  /** The request for a list is about to be sent. */
  | { readonly type: 'list-begun'; readonly list: number }
  /** The list is complete and consistent: all unfinished pods of the node at one moment after `list-begun`. */
  | { readonly type: 'listed'; readonly list: number; readonly pods: readonly WatchedPod[] }
  | { readonly type: 'watching' }
  /** Added or changed. */
  | { readonly type: 'present'; readonly pod: WatchedPod }
  /** Deleted, or finished: it left the selection. */
  | { readonly type: 'gone'; readonly pod: WatchedPod }
  /** No list or watch until a later event; it is tried again by itself. */
  | { readonly type: 'broken'; readonly forbidden: boolean; readonly reason: string };

export interface PodWatch {
  readonly start: () => void;
  /** A list soon, although the watch goes well. */
  readonly listAgain: () => void;
  readonly stop: () => Promise<void>;
}

export interface PodWatchDeps {
  readonly api: KubeApi;
  readonly nodeName: string;
  readonly clock: Clock;
  /** 0 to below 1. */
  readonly random: () => number;
  /** In order, one at a time; must not throw. */
  readonly onEvent: (event: PodWatchEvent) => void;
}

export function createPodWatch(_deps: PodWatchDeps): PodWatch {
  throw new Error('not yet');
}

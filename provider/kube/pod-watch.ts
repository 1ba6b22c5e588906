import type { Clock } from '../util/clock.ts';
import type { KubeApi } from './api.ts';
import { describe, KubeError, noAnswer } from './kube-error.ts';
import { createPodList, metadataOnly, watchPath } from './pod-list.ts';
import { parseWatchLine, type WatchedPod } from './pod-objects.ts';

export type { WatchedPod } from './pod-objects.ts';

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

/** The pods of one node that are not finished: a list, and then every change. Needs `pods: list, watch`. */
export interface PodWatch {
  readonly start: () => void;
  /** A list soon, although the watch goes well. */
  readonly listAgain: () => void;
  /** No event comes any more. */
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
  /** Milliseconds without a byte, up to half as much again, after which a watch is dead; 150 s unless told: real servers send a bookmark each minute. */
  readonly silence?: number;
  /** Milliseconds before the first new try; doubled with each failure up to `longestPause`. 500 ms and 30 s unless told. */
  readonly pause?: number;
  readonly longestPause?: number;
  /** Milliseconds between tries where RBAC forbids it; 60 s unless told. */
  readonly forbiddenPause?: number;
}

/** Milliseconds for the head of a watch's reply. A proxy may hold it back until there is something to send. */
const headTimeout = 30_000;
/** Seconds after which the server shall end a watch, and as many again at random, so that not all nodes come back at once. */
const watchSeconds = 240;
/** Bytes. An object of the API has at most 1.5 MiB (etcd's limit), in JSON a little more. */
const longestLine = 4 * 1024 * 1024;
/** Milliseconds. A watch that ends by itself sooner, with nothing told, is a failure. */
const shortest = 5_000;
/** Failures in a row after which a list is made, although the watch could go on where it was. */
const patience = 3;

export function createPodWatch(deps: PodWatchDeps): PodWatch {
  const loop = new WatchLoop(deps);
  let running: Promise<void> | undefined;
  return {
    start() {
      running ??= loop.run();
    },
    listAgain: () => loop.listAgain(),
    async stop() {
      loop.stop();
      await running;
    },
  };
}

class WatchLoop {
  readonly #deps: PodWatchDeps;
  readonly #list: (signal: AbortSignal) => Promise<string>;
  readonly #stopped = new AbortController();
  /** Ends the watch that runs. */
  #current = new AbortController();
  /** Where the watch goes on; undefined: a list is needed. */
  #from: string | undefined;
  #again = false;
  #failures = 0;
  #forbidden = false;

  constructor(deps: PodWatchDeps) {
    this.#deps = deps;
    this.#list = createPodList(deps);
  }

  listAgain(): void {
    this.#again = true;
    this.#current.abort(null);
  }

  stop(): void {
    this.#stopped.abort(null);
    this.#current.abort(null);
  }

  async run(): Promise<void> {
    const stopped = this.#stopped.signal;
    while (!stopped.aborted) {
      this.#current = new AbortController();
      try {
        if (this.#again) this.#from = undefined;
        this.#again = false;
        this.#from ??= await this.#list(stopped);
        await this.#watch(this.#from, this.#current.signal);
      } catch (error) {
        // Ending a watch to list is no failure.
        if (!this.#current.signal.aborted) this.#fail(error);
      }
      await this.#rest(stopped);
    }
  }

  async #watch(from: string, signal: AbortSignal): Promise<void> {
    const { api, nodeName, clock, random, onEvent, silence = 150_000 } = this.#deps;
    const begun = clock.now();
    let told = false;
    const lines = api.lines(watchPath(nodeName, from, Math.round(watchSeconds * (1 + random()))), {
      accept: metadataOnly('PartialObjectMetadata'),
      signal,
      longestLine,
      headTimeout,
      silence,
      onOpen: () => onEvent({ type: 'watching' }),
    });
    for await (const line of lines) {
      signal.throwIfAborted();
      const event = parseWatchLine(line);
      if (event.type === 'error') throw event.error;
      if (event.type !== 'bookmark') onEvent({ type: event.type, pod: event.pod });
      this.#from = event.resourceVersion;
      this.#failures = 0;
      told = true;
    }
    signal.throwIfAborted();
    if (told || clock.now() - begun >= shortest) this.#failures = 0;
    else this.#failures++;
  }

  #fail(error: unknown): void {
    this.#failures++;
    this.#forbidden = error instanceof KubeError && error.is(403);
    if (!canGoOn(error) || this.#failures % patience === 0) this.#from = undefined;
    // The API server forgets old versions; that is no reason to doubt it.
    if (error instanceof KubeError && error.is(410)) return;
    const reason = `the pods of this node are not watched: ${describe(error)}`;
    this.#deps.onEvent({ type: 'broken', forbidden: this.#forbidden, reason });
  }

  async #rest(signal: AbortSignal): Promise<void> {
    const { clock, random, pause = 500, longestPause = 30_000, forbiddenPause = 60_000 } = this.#deps;
    const doubled = pause * 2 ** Math.max(0, this.#failures - 1);
    const whole = this.#forbidden ? forbiddenPause : Math.min(longestPause, doubled);
    this.#forbidden = false;
    await clock.sleep(whole * (0.5 + random() / 2), signal).catch(() => {});
  }
}

/** The watch can go on at the version that it had: the server tells what happened in between, or that it cannot (410). */
function canGoOn(error: unknown): boolean {
  return error instanceof KubeError && error.status === undefined && error.reason === noAnswer.unreachable;
}

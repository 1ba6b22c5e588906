import type { ServerResponse } from 'node:http';
import type { Pod } from './pod.ts';

/** What a pod has besides its names. */
export interface PodPlace {
  /** `node-1` unless told. */
  node?: string;
  annotations?: Record<string, string>;
}

/**
 * The pods of a cluster as lists and watches show them (Kubernetes API reference v1.34: list, watch, bookmarks, `410 Gone`), and
 * all that can go wrong with them.
 */
export interface PodFeed {
  /** The pod is there from now on; again: it changed. */
  add(pod: Pod, place?: PodPlace): void;
  /** Deleted, or finished: for the selection of unfinished pods that is the same. */
  remove(pod: Pod): void;
  bookmark(): void;
  /** Versions up to now are forgotten: who goes on from one is answered 410, at once or, where it runs, in the watch. */
  forgetHistory(): void;
  /** Breaks the connections of all watches. */
  cut(): void;
  /** Ends all watches as their timeout does. */
  endWatches(): void;
  /** Sends these bytes to all watches. */
  send(text: string): void;
  /** Watches that run. */
  readonly watches: number;
  /** Events are kept back while it is true, and lost to watches of that time, as of a connection that died silently. */
  silent: boolean;
  /** Whole pods instead of metadata, as from a server that knows no PartialObjectMetadata. */
  wholePods: boolean;
  /** Makes lists wrong: applied to each list's body. */
  distort: (list: PodListBody) => unknown;
  readonly version: number;
}

export interface PodListBody {
  kind: string;
  apiVersion: string;
  metadata: { resourceVersion: string; continue?: string; remainingItemCount?: number };
  items: object[];
}

interface Stored {
  pod: Pod;
  place: PodPlace;
  version: number;
}

interface Watch {
  node: string;
  response: ServerResponse;
}

export function createPodFeed(pods: Map<string, Pod>) {
  const stored = new Map<string, Stored>();
  const history: { version: number; node: string; type: string; entry: Stored }[] = [];
  const snapshots = new Map<string, { version: number; left: Stored[] }>();
  const watches = new Set<Watch>();
  let version = 100;
  let oldest = 0;

  function happen(type: string, entry: Stored): void {
    const event = { version: ++version, node: nodeOf(entry), type, entry: { ...entry, version } };
    history.push(event);
    for (const watch of watches) if (watch.node === event.node && !feed.silent) write(watch, event);
  }

  const line = (type: string, object: object) => `${JSON.stringify({ type, object })}\n`;
  const write = (watch: Watch, event: { type: string; entry: Stored }) =>
    watch.response.write(line(event.type, podObject(event.entry, feed.wholePods)));

  const feed: PodFeed = {
    add(pod, place = {}) {
      const known = stored.get(pod.uid);
      const entry = { pod, place, version };
      stored.set(pod.uid, entry);
      pods.set(`${pod.namespace}/${pod.name}`, pod);
      happen(known === undefined ? 'ADDED' : 'MODIFIED', entry);
    },
    remove(pod) {
      const entry = stored.get(pod.uid);
      if (entry === undefined) throw new Error(`there is no pod ${pod.name}`);
      stored.delete(pod.uid);
      if (pods.get(`${pod.namespace}/${pod.name}`)?.uid === pod.uid) pods.delete(`${pod.namespace}/${pod.name}`);
      happen('DELETED', entry);
    },
    bookmark() {
      const object = { kind: 'Pod', apiVersion: 'v1', metadata: { resourceVersion: String(++version) } };
      for (const { response } of watches) response.write(line('BOOKMARK', object));
    },
    forgetHistory() {
      oldest = ++version;
      history.length = 0;
      snapshots.clear();
      for (const { response } of watches) response.end(line('ERROR', gone));
    },
    cut() {
      for (const { response } of watches) response.destroy();
    },
    endWatches() {
      for (const { response } of watches) response.end();
    },
    send(text) {
      for (const { response } of watches) response.write(text);
    },
    get watches() {
      return watches.size;
    },
    silent: false,
    wholePods: false,
    distort: (list) => list,
    get version() {
      return version;
    },
  };

  function list(node: string, limit: number, token: string | null): { status: number; body: unknown } {
    const snapshot = token === null ? undefined : snapshots.get(token);
    if (token !== null && snapshot === undefined) return { status: 410, body: gone };
    const at = snapshot?.version ?? version;
    const all = snapshot?.left ?? [...stored.values()].filter((entry) => nodeOf(entry) === node);
    const page = limit > 0 ? all.slice(0, limit) : all;
    const left = all.slice(page.length);
    const next = left.length === 0 ? undefined : `from-${left[0]?.pod.uid}-${at}`;
    if (next !== undefined) snapshots.set(next, { version: at, left });
    const more = next === undefined ? {} : { continue: next, remainingItemCount: left.length };
    const body: PodListBody = {
      kind: feed.wholePods ? 'PodList' : 'PartialObjectMetadataList',
      apiVersion: feed.wholePods ? 'v1' : 'meta.k8s.io/v1',
      metadata: { resourceVersion: String(at), ...more },
      items: page.map((entry) => podObject(entry, feed.wholePods)),
    };
    return { status: 200, body: feed.distort(body) };
  }

  function watch(node: string, from: number, response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    if (from < oldest) {
      response.end(line('ERROR', gone));
      return;
    }
    const one = { node, response };
    watches.add(one);
    response.once('close', () => watches.delete(one));
    for (const event of history) if (event.version > from && event.node === node) write(one, event);
  }

  return { feed, answer: (url: URL, response: ServerResponse) => answer(url, response, list, watch) };
}

function answer(
  url: URL,
  response: ServerResponse,
  list: (node: string, limit: number, token: string | null) => { status: number; body: unknown },
  watch: (node: string, from: number, response: ServerResponse) => void,
): void {
  const query = url.searchParams;
  const [, node] =
    /^spec\.nodeName=([^,]+),status\.phase!=Succeeded,status\.phase!=Failed$/.exec(query.get('fieldSelector') ?? '') ??
    [];
  if (node === undefined) throw new Error(`not the selection of unfinished pods of a node: ${url.search}`);
  if (query.get('watch') === '1') {
    watch(node, Number(query.get('resourceVersion')), response);
    return;
  }
  if (query.has('resourceVersion')) throw new Error('this list may be answered from a cache that lags behind');
  const { status, body } = list(node, Number(query.get('limit') ?? 0), query.get('continue'));
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

const gone = {
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  message: 'too old resource version',
  reason: 'Expired',
  code: 410,
};

function nodeOf({ place }: Stored): string {
  return place.node ?? 'node-1';
}

function podObject({ pod, place, version }: Stored, whole: boolean): object {
  const metadata = {
    name: pod.name,
    namespace: pod.namespace,
    uid: pod.uid,
    resourceVersion: String(version),
    ...(place.annotations === undefined ? {} : { annotations: place.annotations }),
  };
  if (!whole) return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata };
  const spec = { nodeName: place.node ?? 'node-1', serviceAccountName: pod.serviceAccount, containers: [] };
  return { kind: 'Pod', apiVersion: 'v1', metadata, spec, status: { phase: 'Running' } };
}

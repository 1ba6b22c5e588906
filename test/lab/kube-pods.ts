import type { ServerResponse } from 'node:http';
import type { Pod } from './pod.ts';

/** What a pod has besides its names. */
export interface PodPlace {
  /** `node-1` unless told. */
  node?: string;
  annotations?: Record<string, string>;
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

interface Change extends Stored {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
}

interface Watch {
  node: string;
  response: ServerResponse;
}

/**
 * The pods of a cluster as lists and watches show them (Kubernetes API reference v1.34: list, watch, bookmarks, `410 Gone`), and
 * what can go wrong with them.
 */
export class PodFeed {
  /** While true events are lost to the watches that run, as on a connection that died without a word. */
  silent = false;
  /** Whole pods instead of metadata, as from a server that knows no PartialObjectMetadata. */
  wholePods = false;
  /** Makes lists wrong: applied to the body of each. */
  distort: (list: PodListBody) => unknown = (list) => list;
  #version = 100;
  /** Of the oldest version from which a watch can go on. */
  #oldest = 0;
  /** Since the last `clear`. */
  watchesOpened = 0;
  readonly #byName: Map<string, Pod>;
  readonly #stored = new Map<string, Stored>();
  readonly #history: Change[] = [];
  readonly #snapshots = new Map<string, { version: number; left: Stored[] }>();
  readonly #watches = new Set<Watch>();

  /** `byName` is kept up to date; keys are `namespace/name`. */
  constructor(byName: Map<string, Pod>) {
    this.#byName = byName;
  }

  get watches(): number {
    return this.#watches.size;
  }

  /** The pod is there from now on; again: it changed. */
  add(pod: Pod, place: PodPlace = {}): void {
    const type = this.#stored.has(pod.uid) ? 'MODIFIED' : 'ADDED';
    const stored = { pod, place, version: ++this.#version };
    this.#stored.set(pod.uid, stored);
    this.#byName.set(nameOf(pod), pod);
    this.#happen({ ...stored, type });
  }

  /** Deleted, or finished: for the selection of unfinished pods that is the same. */
  remove(pod: Pod): void {
    const stored = this.#stored.get(pod.uid);
    if (stored === undefined) throw new Error(`there is no pod ${pod.name}`);
    this.#stored.delete(pod.uid);
    if (this.#byName.get(nameOf(pod))?.uid === pod.uid) this.#byName.delete(nameOf(pod));
    this.#happen({ ...stored, version: ++this.#version, type: 'DELETED' });
  }

  /** All pods are gone, and nobody is told. */
  clear(): void {
    this.#stored.clear();
    this.watchesOpened = 0;
    this.#byName.clear();
    this.forgetHistory();
  }

  bookmark(): void {
    const object = { kind: 'Pod', apiVersion: 'v1', metadata: { resourceVersion: String(++this.#version) } };
    this.send(eventLine('BOOKMARK', object));
  }

  /** Who goes on from a version up to now is answered 410; a watch that runs ends with it. */
  forgetHistory(): void {
    this.#oldest = ++this.#version;
    this.#history.length = 0;
    this.#snapshots.clear();
    this.#end(eventLine('ERROR', gone));
  }

  /** Breaks the connections of all watches. */
  cut(): void {
    for (const { response } of this.#watches) response.destroy();
  }

  /** Ends all watches as their timeout does. */
  endWatches(): void {
    this.#end('');
  }

  /** Sends these bytes to all watches. */
  send(text: string): void {
    for (const { response } of this.#watches) response.write(text);
  }

  /** Answers `GET /api/v1/pods` with its query. */
  answer(url: URL, response: ServerResponse): void {
    const query = url.searchParams;
    const node = selectedNode(query.get('fieldSelector') ?? '');
    if (query.get('watch') === '1') {
      this.#watch(node, Number(query.get('resourceVersion')), response);
      return;
    }
    if (query.has('resourceVersion')) throw new Error('this list may be answered from a cache that lags behind');
    const { status, body } = this.#list(node, Number(query.get('limit') ?? 0), query.get('continue'));
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  }

  #end(text: string): void {
    for (const { response } of this.#watches) response.end(text);
    this.#watches.clear();
  }

  #happen(change: Change): void {
    this.#history.push(change);
    if (this.silent) return;
    for (const watch of this.#watches) if (watch.node === nodeOf(change)) this.#tell(watch, change);
  }

  #tell({ response }: Watch, change: Change): void {
    response.write(eventLine(change.type, podObject(change, this.wholePods)));
  }

  #list(node: string, limit: number, token: string | null): { status: number; body: unknown } {
    const snapshot = token === null ? undefined : this.#snapshots.get(token);
    if (token !== null && snapshot === undefined) return { status: 410, body: gone };
    const version = snapshot?.version ?? this.#version;
    const all = snapshot?.left ?? [...this.#stored.values()].filter((stored) => nodeOf(stored) === node);
    const page = limit > 0 ? all.slice(0, limit) : all;
    const left = all.slice(page.length);
    const next = left.length === 0 ? undefined : `${version}/${left.length}`;
    if (next !== undefined) this.#snapshots.set(next, { version, left });
    const more = next === undefined ? {} : { continue: next, remainingItemCount: left.length };
    const body = {
      kind: this.wholePods ? 'PodList' : 'PartialObjectMetadataList',
      apiVersion: this.wholePods ? 'v1' : 'meta.k8s.io/v1',
      metadata: { resourceVersion: String(version), ...more },
      items: page.map((stored) => podObject(stored, this.wholePods)),
    };
    return { status: 200, body: this.distort(body) };
  }

  #watch(node: string, from: number, response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    if (from < this.#oldest) {
      response.end(eventLine('ERROR', gone));
      return;
    }
    const watch = { node, response };
    this.#watches.add(watch);
    this.watchesOpened++;
    response.once('close', () => this.#watches.delete(watch));
    for (const change of this.#history) if (change.version > from && nodeOf(change) === node) this.#tell(watch, change);
  }
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

function selectedNode(selector: string): string {
  const [, node] = /^spec\.nodeName=([^,]+),status\.phase!=Succeeded,status\.phase!=Failed$/.exec(selector) ?? [];
  if (node === undefined) throw new Error(`not the selection of a node's unfinished pods: ${selector}`);
  return node;
}

function eventLine(type: string, object: object): string {
  return `${JSON.stringify({ type, object })}\n`;
}

function nameOf({ namespace, name }: Pod): string {
  return `${namespace}/${name}`;
}

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

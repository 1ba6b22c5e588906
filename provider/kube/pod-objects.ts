import { KubeError, noAnswer } from './kube-error.ts';

/** A pod as far as its end is concerned. */
export interface WatchedPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** On the mirror of a static pod: the uid by which kubelet, and so the driver, knows the pod itself. */
  readonly staticUid: string | undefined;
}

/** A part of a list of pods. */
export interface PodPage {
  readonly pods: readonly WatchedPod[];
  readonly resourceVersion: string;
  /** What to ask for the next part with; undefined: this was the last. */
  readonly next: string | undefined;
}

export type WatchLine =
  | { readonly type: 'present' | 'gone'; readonly pod: WatchedPod; readonly resourceVersion: string }
  | { readonly type: 'bookmark'; readonly resourceVersion: string }
  | { readonly type: 'error'; readonly error: KubeError };

/**
 * A `PodList` or `PartialObjectMetadataList` of the Kubernetes API. Throws KubeError `BadReply` if a single thing in it is not as
 * it should be: what is read wrongly would prove that pods are gone.
 */
export function parsePodPage(text: string): PodPage {
  const list = parse(text);
  const kind = textOf(list, 'kind');
  if (kind !== 'PodList' && kind !== 'PartialObjectMetadataList') throw bad('it is no list of pods');
  const items = member(list, 'items');
  if (items !== null && !Array.isArray(items)) throw bad('the list has no items');
  const metadata = member(list, 'metadata');
  const next = textOf(metadata, 'continue');
  const remaining = member(metadata, 'remainingItemCount');
  if (next === undefined && typeof remaining === 'number' && remaining > 0) throw bad('the list has no end');
  return { pods: (items ?? []).map(podOf), resourceVersion: versionOf(metadata), next };
}

/** One event of a watch of pods. Throws KubeError `BadReply`. */
export function parseWatchLine(line: string): WatchLine {
  const event = parse(line);
  const object = member(event, 'object');
  const metadata = member(object, 'metadata');
  switch (textOf(event, 'type')) {
    case 'ADDED':
    case 'MODIFIED':
      return { type: 'present', pod: podOf(object), resourceVersion: versionOf(metadata) };
    case 'DELETED':
      return { type: 'gone', pod: podOf(object), resourceVersion: versionOf(metadata) };
    case 'BOOKMARK':
      return { type: 'bookmark', resourceVersion: versionOf(metadata) };
    case 'ERROR': {
      const code = member(object, 'code');
      const reason = textOf(object, 'reason') ?? 'Unknown';
      const status = typeof code === 'number' ? code : undefined;
      return { type: 'error', error: new KubeError(status, reason, textOf(object, 'message') ?? 'no message') };
    }
    default:
      throw bad('the watch sent an event of an unknown type');
  }
}

function podOf(object: unknown): WatchedPod {
  const metadata = member(object, 'metadata');
  const [namespace, name, uid] = ['namespace', 'name', 'uid'].map((key) => textOf(metadata, key));
  if (namespace === undefined || name === undefined || uid === undefined)
    throw bad('a pod has no namespace, name or uid');
  // Both hold the static pod's uid (k8s.io/kubernetes pkg/kubelet/pod/mirror_client.go); only the first is on mirrors alone.
  const staticUid = textOf(member(metadata, 'annotations'), 'kubernetes.io/config.mirror');
  return { namespace, name, uid, staticUid };
}

function versionOf(metadata: unknown): string {
  const version = textOf(metadata, 'resourceVersion');
  if (version === undefined) throw bad('there is no resourceVersion');
  return version;
}

// With the language's own parser: no number is kept, and of a large list most would be thrown away.
function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw bad('it is no JSON');
  }
}

function member(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Record<string, unknown>)[key];
}

function textOf(value: unknown, key: string): string | undefined {
  const text = member(value, key);
  return typeof text === 'string' && text !== '' ? text : undefined;
}

function bad(why: string): KubeError {
  return new KubeError(undefined, noAnswer.badReply, `the answer about the pods of this node is of no use: ${why}`);
}

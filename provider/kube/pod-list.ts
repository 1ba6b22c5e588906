import { KubeError, noAnswer } from './kube-error.ts';
import { parsePodPage, type WatchedPod } from './pod-objects.ts';
import type { PodWatchDeps } from './pod-watch.ts';

/** Bytes of one part of a list: a thousand usual pods, or 30 whose authors filled their annotations (256 KiB each). */
const largestReply = 8 * 1024 * 1024;
/** Milliseconds for one part. */
const timeout = 30_000;
/** Pods of one part where the whole list was too large or broken, and of the smallest part. */
const firstLimit = 100;
const leastLimit = 1;
/** Parts of one list. */
const mostPages = 1_000;

/**
 * Makes lists, each between a `list-begun` and a `listed` event, and returns the version from which a watch goes on. Without a
 * `resourceVersion`, so that the API server may not answer from a cache that lags behind, and at first without a `limit`: one
 * reply is one moment. Parts are of one moment too (their versions are equal, or the list is none). Throws KubeError, and the
 * signal's reason.
 */
export function createPodList({ api, nodeName, onEvent }: PodWatchDeps): (signal: AbortSignal) => Promise<string> {
  let lists = 0;
  let limit: number | undefined;

  async function collect(signal: AbortSignal): Promise<{ pods: WatchedPod[]; resourceVersion: string }> {
    const pods: WatchedPod[] = [];
    let next: string | undefined;
    let version: string | undefined;
    for (let pages = 0; pages < mostPages; pages++) {
      const accept = metadataOnly('PartialObjectMetadataList');
      const page = parsePodPage(
        await api.text(listPath(nodeName, limit, next), { accept, largestReply, timeout, signal }),
      );
      version ??= page.resourceVersion;
      if (page.resourceVersion !== version)
        throw new KubeError(410, 'Expired', 'the parts of the list are not of one moment');
      pods.push(...page.pods);
      next = page.next;
      if (next === undefined) return { pods, resourceVersion: version };
    }
    throw new KubeError(undefined, noAnswer.badReply, `the list of pods has more than ${mostPages} parts`);
  }

  return async (signal) => {
    const list = ++lists;
    onEvent({ type: 'list-begun', list });
    try {
      const { pods, resourceVersion } = await collect(signal);
      signal.throwIfAborted();
      onEvent({ type: 'listed', list, pods });
      return resourceVersion;
    } catch (error) {
      // Whatever was wrong with the answer, a smaller one may be right.
      if (error instanceof KubeError && error.reason === noAnswer.badReply) {
        limit = limit === undefined ? firstLimit : Math.max(leastLimit, Math.floor(limit / 2));
      }
      throw error;
    }
  };
}

/** Only what is in `metadata`, from servers that can (all of today's); the others send whole pods, which are as good. */
export function metadataOnly(kind: 'PartialObjectMetadata' | 'PartialObjectMetadataList'): string {
  return `application/json;as=${kind};g=meta.k8s.io;v=v1,application/json`;
}

function listPath(nodeName: string, limit: number | undefined, next: string | undefined): string {
  const part = limit === undefined ? '' : `&limit=${limit}`;
  return `${podsPath(nodeName)}${part}${next === undefined ? '' : `&continue=${encodeURIComponent(next)}`}`;
}

export function watchPath(nodeName: string, from: string, timeoutSeconds: number): string {
  const version = encodeURIComponent(from);
  return `${podsPath(nodeName)}&watch=1&allowWatchBookmarks=true&resourceVersion=${version}&timeoutSeconds=${timeoutSeconds}`;
}

function podsPath(nodeName: string): string {
  const selector = `spec.nodeName=${nodeName},status.phase!=Succeeded,status.phase!=Failed`;
  return `/api/v1/pods?fieldSelector=${encodeURIComponent(selector)}`;
}

import { LRUCache } from 'lru-cache';

/**
 * How often the driver asks for a volume: about every 75 s while nothing changes, but after a change of bytes not before its
 * `rotation-poll-interval` (2 min by default) and one more round of kubelet (driver v1.6.0: it compares the mount's mtime).
 * Learned for each volume; the usual values hold until some were seen.
 */
export interface Intervals {
  /** A Mount was answered; `content` is equal as long as the bytes are. */
  readonly mounted: (volume: string, content: string) => void;
  /** Milliseconds after which a credential that this Mount leaves in the volume may still be the one in use. */
  readonly horizon: (volume: string) => number;
}

interface Seen {
  at: number;
  content: string;
  changed: boolean;
  readonly quiet: number[];
  readonly afterChange: number[];
}

const usualQuiet = 75_000;
const usualAfterChange = 210_000;
/** Fewer say nothing: kubelet asks again at once for a Mount that failed. */
const enough = 3;
const remembered = 5;

export function createIntervals(now: () => number): Intervals {
  const volumes = new LRUCache<string, Seen>({ max: 2_000 });
  return {
    mounted(volume, content) {
      const seen = volumes.get(volume);
      if (seen === undefined) {
        volumes.set(volume, { at: now(), content, changed: true, quiet: [], afterChange: [] });
        return;
      }
      const list = seen.changed ? seen.afterChange : seen.quiet;
      list.push(now() - seen.at);
      if (list.length > remembered) list.shift();
      seen.at = now();
      seen.changed = seen.content !== content;
      seen.content = content;
    },
    horizon(volume) {
      const seen = volumes.get(volume);
      const quiet = longest(seen?.quiet, enough) ?? usualQuiet;
      // One change is telling: the driver holds to its interval after each.
      const afterChange = longest(seen?.afterChange, 1) ?? usualAfterChange;
      return Math.max(2 * quiet, quiet + afterChange) * 1.1;
    },
  };
}

function longest(seen: readonly number[] | undefined, least: number): number | undefined {
  return seen === undefined || seen.length < least ? undefined : Math.max(...seen);
}

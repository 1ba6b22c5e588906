import type { DialectName } from '../plan/plan.ts';
import { type Clock, every } from '../util/clock.ts';
import { faultOf, type Link, linksOf } from './links.ts';

export interface LinkWatchDeps {
  /** Seen read-only; none: nothing is watched. */
  readonly providersDirs: readonly string[];
  readonly dialects: readonly DialectName[];
  readonly clock: Clock;
  /** Once for each fault: a sentence. */
  readonly onLost: (fault: string) => void;
  readonly onBack: (path: string) => void;
  /** A link cannot be looked at, so nothing can be said of it. Once for each. */
  readonly onUnseen: (path: string, code: string) => void;
}

export interface LinkWatch {
  /** A sentence for each link that is not as it should be. */
  readonly faults: () => string[];
  readonly stop: () => void;
}

/** Milliseconds between looks. */
const interval = 1_000;

/**
 * Looks whether the driver finds our sockets. `prepare` makes the links to them as root, in directories that are shared with other
 * providers; a Go provider that ends removes what lies under the path of its socket, and the driver says nothing of it: its Mounts
 * wait until their deadline.
 */
export function watchLinks({ providersDirs, dialects, clock, ...told }: LinkWatchDeps): LinkWatch {
  const links = linksOf(providersDirs, dialects);
  const known = new Map<string, string>();
  const unseen = new Set<string>();
  const look = () => {
    for (const link of links) {
      const fault = sentenceOf(link, (code) => {
        if (!unseen.has(link.path)) told.onUnseen(link.path, code);
        unseen.add(link.path);
      });
      if (fault === known.get(link.path)) continue;
      if (fault === undefined) {
        known.delete(link.path);
        told.onBack(link.path);
      } else {
        known.set(link.path, fault);
        told.onLost(fault);
      }
    }
  };
  if (links.length > 0) look();
  return { faults: () => [...known.values()], stop: links.length === 0 ? () => {} : every(clock, interval, look) };
}

function sentenceOf(link: Link, onUnseen: (code: string) => void): string | undefined {
  try {
    const fault = faultOf(link);
    return fault === undefined ? undefined : `${link.path} ${fault}, it should be a link to ${link.target}`;
  } catch (thrown) {
    onUnseen((thrown as NodeJS.ErrnoException).code ?? 'unknown error');
    return undefined;
  }
}

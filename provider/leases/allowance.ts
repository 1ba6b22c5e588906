import { KeymountError } from '../errors.ts';
import type { Bounds, LeaseLimits } from './limits.ts';

/** One credential in keeping, and whose it is. */
export interface KeptFor {
  readonly volume: string;
  readonly podUid: string;
  readonly namespace: string;
  readonly bytes: number;
}

export type Asker = Omit<KeptFor, 'bytes'>;

const kinds = ['volume', 'pod', 'namespace', 'node'] as const;

/**
 * Throws `too-many-credentials` where another one of that many bytes would be more than its volume, pod, namespace or node may keep.
 * `bytes` 0: is there room at all?
 */
export function checkAllowance(kept: Iterable<KeptFor>, asker: Asker, bytes: number, limits: LeaseLimits): void {
  const used = { volume: none(), pod: none(), namespace: none(), node: none() };
  for (const each of kept) {
    add(used.node, each);
    if (each.namespace === asker.namespace) add(used.namespace, each);
    if (each.podUid !== asker.podUid) continue;
    add(used.pod, each);
    if (each.volume === asker.volume) add(used.volume, each);
  }
  for (const kind of kinds) {
    const { credentials, bytes: size } = used[kind];
    const limit = limits[kind];
    if (credentials >= limit.credentials) throw exceeded(kind, `${limit.credentials} credentials`);
    if (size + bytes > limit.bytes) throw exceeded(kind, `${limit.bytes} bytes of credentials`);
  }
}

function none(): { credentials: number; bytes: number } {
  return { credentials: 0, bytes: 0 };
}

function add(sum: { -readonly [Key in keyof Bounds]: number }, { bytes }: KeptFor): void {
  sum.credentials++;
  sum.bytes += bytes;
}

const titles: Readonly<Record<(typeof kinds)[number] | 'directory', string>> = {
  volume: 'this volume',
  pod: 'this pod',
  namespace: 'the pods of this namespace on this node',
  node: 'the pods of this node',
  directory: 'the state directory of keymount',
};

export function exceeded(kind: keyof typeof titles, most: string): KeymountError {
  return new KeymountError('too-many-credentials', `${titles[kind]} may not have more than ${most} in keeping`, {
    hint:
      kind === 'volume' || kind === 'pod'
        ? 'select single keys of large answers, or split the class'
        : 'look for classes that have credentials issued without end; those of pods that are gone go by themselves',
  });
}

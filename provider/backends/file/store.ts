import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { LRUCache } from 'lru-cache';
import { KeymountError } from '../../errors.ts';
import type { Clock } from '../../util/clock.ts';
import type { Secret } from '../backend.ts';
import { type Found, locate } from './locate.ts';
import { parseKeys } from './parse.ts';
import { readRegularFile, sameContent } from './read-file.ts';

/**
 * The secrets of one directory, parsed once for each content.
 *
 * Every read asks the file system for the file's identity and times (a handful of stat calls, no data) instead of relying on
 * fs.watch: events get lost when their queue is full, do not exist on network file systems, and tell nothing of the swap of
 * `..data` two folders up unless each folder is watched anew. A stat cannot be late.
 */
export interface Store {
  readonly read: (address: string, signal: AbortSignal) => Promise<Secret>;
}

interface Entry {
  readonly file: string;
  readonly realPath: string;
  readonly stats: BigIntStats;
  /** See isSettled. */
  readonly settled: boolean;
  readonly secret: Secret;
}

/** File times advance in steps: 10 ms at worst on Linux' own file systems, 2 s on FAT. Milliseconds. */
const timeStep = 2_000;
const cachedBytes = 16 * 1024 * 1024;
/** What an entry costs beside its content. */
const overhead = 1_024;
/** A swap or a write that comes between costs one, well below a millisecond. */
const tries = 50;
/** So often must a secret or the store be absent to be missing. */
const looks = 4;

/** `root` is the absolute path of the directory. */
export function openStore(root: string, clock: Clock): Store {
  const entries = new LRUCache<string, Entry>({ max: 4_096, maxSize: cachedBytes });

  /** undefined: something changed meanwhile. */
  async function attempt(address: string): Promise<Secret | undefined> {
    const found = await locate(root, address);
    if (found === undefined) return undefined;
    const known = entries.get(address);
    if (known?.settled && known.realPath === found.realPath && sameContent(known.stats, found.stats)) {
      return known.secret;
    }
    const startedAt = clock.now();
    const content = await readRegularFile(found.realPath, found.file);
    if (content === undefined) return undefined;
    const secret = toSecret(content.bytes, found, known);
    const { stats } = content;
    const entry = { file: found.file, realPath: found.realPath, stats, settled: isSettled(stats, startedAt), secret };
    entries.set(address, entry, { size: secret.size + overhead });
    return secret;
  }

  return {
    async read(address, signal) {
      for (let i = 0; i < tries; i++) {
        signal.throwIfAborted();
        try {
          const secret = await attempt(address);
          if (secret !== undefined) return secret;
        } catch (error) {
          if (i >= looks || !maySwap(error)) throw error;
        }
      }
      const hint = 'write a new file and rename it into place';
      throw new KeymountError('backend-unreachable', `${address} in the file store changes while it is read`, { hint });
    },
  };
}

/**
 * Was the last change before `readAt` (milliseconds) so long ago that any later one shows in the times? A file that was written
 * just now may be written again within the same step of its clock; until then it is read anew each time.
 */
export function isSettled(stats: Pick<BigIntStats, 'ctimeNs'>, readAt: number): boolean {
  return readAt - Number(stats.ctimeNs / 1_000_000n) > timeStep;
}

/**
 * A path is walked link by link, and a look that falls into the swap of a volume finds the removed directory. An `optional` file
 * must not vanish for that.
 */
function maySwap(error: unknown): boolean {
  return error instanceof KeymountError && (error.code === 'secret-missing' || error.code === 'backend-unreachable');
}

/** By content, without a key: equal on every node. For comparing only; what a pod's status shows is keyed (docs/versions.md). */
function versionOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}

/** The secret of these bytes, the known one where they are the same. */
function toSecret(bytes: Uint8Array, { format, file }: Found, known: Entry | undefined): Secret {
  const facts = { version: versionOf(bytes), size: bytes.byteLength };
  if (known?.file === file && known.secret.version === facts.version) return known.secret;
  return format === 'bytes' ? { bytes, ...facts } : { keys: parseKeys(bytes, format, file), ...facts };
}

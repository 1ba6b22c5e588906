import { createHash } from 'node:crypto';
import path from 'node:path';
import { KeymountError } from '../errors.ts';
import type { JsonObject } from '../util/json.ts';
import { FileSizes } from './file-sizes.ts';
import { type LeaseLimits, leaseLimits } from './limits.ts';
import { openNodeKey } from './node-key.ts';
import { livesSuffix, readRecords } from './read-records.ts';
import { toBytes } from './record-file.ts';
import { createSealer, type Sealer } from './seal.ts';
import { codeOf, makePrivate, remove, writeWhole } from './whole-file.ts';
import { createWriteOrder } from './write-order.ts';

/** What was written under a key. */
export interface StoredRecord {
  readonly key: string;
  readonly record: JsonObject;
  /** What was saved by `saveLives` since. */
  readonly lives: JsonObject | undefined;
}

/**
 * What must outlive the process: one record a key, each a sealed file. Saves and removals of one key happen in the order of their
 * calls, and of those that wait only the last is written; different keys do not wait for each other.
 */
export interface LeaseState {
  /**
   * All usable records, one after the other, the newest first. Sets unusable files aside, and what is beyond the bounds of the
   * directory, and sweeps leftovers: to be called once, before any save.
   */
  readonly load: () => AsyncGenerator<StoredRecord>;
  /**
   * Resolves when this record or what was asked later for the key is on disk. The record is taken as it is at the call, numbers
   * to the digit. Rejects with what the disk throws, and with `internal` for a record of more than 4 MiB or 250 levels.
   */
  readonly save: (key: string, record: JsonObject) => Promise<void>;
  /** As `save`, beside the record: what changes often, so that the rest need not be written again. Ends with the record. */
  readonly saveLives: (key: string, lives: JsonObject) => Promise<void>;
  /** Files in the directory and their bytes. */
  readonly usage: () => { readonly files: number; readonly bytes: number };
  /** Nothing is there afterwards; removing what is not there is fine. */
  readonly remove: (key: string) => Promise<void>;
  /** Resolves when all that was asked for so far is on disk or has failed. Never rejects. */
  readonly flush: () => Promise<void>;
}

/** A file that is of no use: what was done about it and why, without any value. */
export interface LeaseStateReport {
  /**
   * `set-aside`: the file was renamed to `<file>.unusable`. `unreadable`: it cannot be read now and stays as it is.
   * `key-replaced`: there is a new node key, and nothing that was sealed before can be opened.
   */
  readonly event: 'set-aside' | 'unreadable' | 'key-replaced';
  /** Without its directory. */
  readonly file: string;
  readonly reason: string;
}

export interface LeaseStateDeps {
  /** The state directory, best on tmpfs; `leases/` and `node-key/` are made in it. One process at a time may use it. */
  readonly dir: string;
  readonly randomBytes: (size: number) => Buffer;
  readonly report: (report: LeaseStateReport) => void;
  /** What is taken up at a start at most. Default: `leaseLimits.directory`. */
  readonly limits?: LeaseLimits['directory'];
}

/**
 * Touches nothing before the first call, so that whoever must own the directory can take it in between. The first call of any kind
 * makes directories and node key; it throws `settings-invalid` where it cannot, and the next tries again.
 */
export async function openLeaseState({
  dir,
  randomBytes,
  report,
  limits = leaseLimits.directory,
}: LeaseStateDeps): Promise<LeaseState> {
  const folder = path.join(dir, 'leases');
  const order = createWriteOrder();
  const sizes = new FileSizes();
  const fileOf = (name: string) => path.join(folder, name);
  const open = async () => {
    await makePrivate(folder);
    const onReplaced = (file: string, reason: string) => report({ event: 'key-replaced', file, reason });
    return createSealer(await openNodeKey(path.join(dir, 'node-key'), randomBytes, onReplaced), randomBytes);
  };
  let opened: Promise<Sealer> | undefined;
  const sealer = () => {
    opened ??= open().catch((error: unknown) => {
      opened = undefined;
      throw new KeymountError('settings-invalid', `the state directory ${dir} cannot be used`, {
        reason: codeOf(error),
        hint: 'it must be writable for the user that keymount runs as',
      });
    });
    return opened;
  };
  async function write(name: string, key: string, record: JsonObject): Promise<void> {
    const bytes = toBytes(key, record);
    const sealed = (await sealer()).seal(name, bytes);
    sizes.set(name, sealed.length);
    await order.run(name, () => writeWhole(fileOf(name), sealed));
  }

  async function discard(name: string): Promise<void> {
    sizes.delete(name);
    await order.run(name, () => remove(fileOf(name)));
  }

  return {
    async *load() {
      yield* readRecords({ folder, sealer: await sealer(), sizes, limits, report });
    },
    save: (key, record) => write(nameOf(key), key, record),
    saveLives: (key, lives) => write(nameOf(key) + livesSuffix, key, lives),
    remove: async (key) => {
      // In the order of the calls: a save before may still wait for the key.
      await sealer();
      const name = nameOf(key);
      await Promise.all([discard(name), sizes.has(name + livesSuffix) ? discard(name + livesSuffix) : undefined]);
    },
    usage: () => sizes.total(),
    flush: async () => {
      await opened?.catch(() => {});
      await order.idle();
    },
  };
}

/** A file's name tells nothing of its pod. */
function nameOf(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

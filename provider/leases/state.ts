import { createHash } from 'node:crypto';
import { promises as fs } from 'node:fs';
import path from 'node:path';
import { KeymountError } from '../errors.ts';
import { isJsonObject, type JsonObject, ownKey, parseJson } from '../util/json.ts';
import { openNodeKey } from './node-key.ts';
import { createSealer, type Sealer, sealSize } from './seal.ts';
import { setAside, unusableSuffix } from './unusable.ts';
import { codeOf, draftSuffix, makePrivate, readBounded, remove, writeWhole } from './whole-file.ts';
import { createWriteOrder } from './write-order.ts';

/** What was written under a key. */
export interface StoredRecord {
  readonly key: string;
  readonly record: JsonObject;
}

/**
 * What must outlive the process: one record a key, each a sealed file. Saves and removals of one key happen in the order of their
 * calls, and of those that wait only the last is written; different keys do not wait for each other.
 */
export interface LeaseState {
  /** All usable records, in no order. Sets unusable files aside and sweeps leftovers: to be called once, before any save. */
  readonly load: () => Promise<StoredRecord[]>;
  /**
   * Resolves when this record or what was asked later for the key is on disk. The record is taken as it is at the call, numbers
   * to the digit. Rejects with what the disk throws, and with `internal` for a record of more than 4 MiB or 250 levels.
   */
  readonly save: (key: string, record: JsonObject) => Promise<void>;
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
}

/** Bytes of one file. Far above what a pod's credentials take; larger ones are not read, so that a start is bounded. */
const largest = 4 * 1024 * 1024;

/**
 * Touches nothing before the first call, so that whoever must own the directory can take it in between. The first call of any kind
 * makes directories and node key; it throws `settings-invalid` where it cannot, and the next tries again.
 */
export async function openLeaseState({ dir, randomBytes, report }: LeaseStateDeps): Promise<LeaseState> {
  const folder = path.join(dir, 'leases');
  const order = createWriteOrder();
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
  return {
    load: async () => loadAll(folder, await sealer(), report),
    save: async (key, record) => {
      const bytes = toBytes(key, record);
      const name = nameOf(key);
      const sealed = (await sealer()).seal(name, bytes);
      await order.run(name, () => writeWhole(fileOf(name), sealed));
    },
    remove: async (key) => {
      // In the order of the calls: a save before may still wait for the key.
      await sealer();
      await order.run(nameOf(key), () => remove(fileOf(nameOf(key))));
    },
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

function toBytes(key: string, record: JsonObject): Buffer {
  const text = JSON.stringify({ key, record });
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length + sealSize > largest)
    throw new KeymountError('internal', `a record is larger than ${largest} bytes`);
  // What could not be read again must fail now, while the credentials in it are still in use.
  if (fromBytes(bytes) === undefined)
    throw new KeymountError('internal', 'a record is no JSON that could be read again');
  return bytes;
}

function fromBytes(bytes: Buffer): StoredRecord | undefined {
  try {
    const value = parseJson(bytes.toString('utf8'));
    if (!isJsonObject(value)) return undefined;
    const key = ownKey(value, 'key');
    const record = ownKey(value, 'record');
    return typeof key === 'string' && isJsonObject(record) ? { key, record } : undefined;
  } catch {
    return undefined;
  }
}

async function loadAll(folder: string, sealer: Sealer, report: LeaseStateDeps['report']): Promise<StoredRecord[]> {
  const found: StoredRecord[] = [];
  for (const name of await fs.readdir(folder)) {
    if (name.endsWith(draftSuffix)) await fs.rm(path.join(folder, name), { recursive: true, force: true });
    if (!/^[0-9a-f]{64}$/.test(name)) continue;
    const outcome = await read(folder, name, sealer);
    if ('record' in outcome) found.push(outcome);
    else if ('code' in outcome) report({ event: 'unreadable', file: name, reason: outcome.code });
    else {
      const failed = await setAside(folder, name);
      const reason = failed === undefined ? outcome.problem : `${outcome.problem}; it cannot be renamed (${failed})`;
      report({ event: 'set-aside', file: `${name}${unusableSuffix}`, reason });
    }
  }
  return found;
}

type Outcome = StoredRecord | { readonly problem: string } | { readonly code: string };

async function read(folder: string, name: string, sealer: Sealer): Promise<Outcome> {
  let sealed: Buffer | undefined;
  try {
    sealed = await readBounded(path.join(folder, name), largest);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EFBIG') return { problem: `it is larger than ${largest} bytes` };
    return code === 'EISDIR' ? { problem: 'it is a directory' } : { code };
  }
  if (sealed === undefined) return { code: 'ENOENT' };
  const opened = sealer.open(name, sealed);
  if ('problem' in opened) return opened;
  const stored = fromBytes(opened.plain);
  return stored ?? { problem: 'its content is not as it should be' };
}

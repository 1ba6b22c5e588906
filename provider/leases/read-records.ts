import { promises as fs } from 'node:fs';
import path from 'node:path';
import type { JsonObject } from '../util/json.ts';
import type { FileSizes } from './file-sizes.ts';
import type { LeaseLimits } from './limits.ts';
import { fromBytes, largestFile, type RecordFile } from './record-file.ts';
import type { Sealer } from './seal.ts';
import type { LeaseStateReport, StoredRecord } from './state.ts';
import { setAside, unusableSuffix } from './unusable.ts';
import { codeOf, draftSuffix, readBounded } from './whole-file.ts';

/** What the file beside a record is called that has its lives. */
export const livesSuffix = '.lives';

export interface ReadingDeps {
  readonly folder: string;
  readonly sealer: Sealer;
  /** Told of every file that stays. */
  readonly sizes: FileSizes;
  readonly limits: LeaseLimits['directory'];
  readonly report: (report: LeaseStateReport) => void;
}

interface Found {
  readonly name: string;
  readonly size: number;
  readonly writtenAt: number;
}

/** The records of the directory, one in memory at a time, the newest first; what is beyond its bounds is set aside. */
export async function* readRecords(deps: ReadingDeps): AsyncGenerator<StoredRecord> {
  const { folder, sizes, limits, report } = deps;
  const names = await fs.readdir(folder);
  for (const name of names.filter((each) => each.endsWith(draftSuffix)))
    await fs.rm(path.join(folder, name), { recursive: true, force: true });
  const records = await sizesOf(
    folder,
    names.filter((name) => /^[0-9a-f]{64}$/.test(name)),
  );
  const lives = new Map((await sizesOf(folder, names.filter(isLives))).map(({ name, size }) => [name, size]));
  let beyond = 0;
  for (const { name, size } of records.toSorted((a, b) => b.writtenAt - a.writtenAt)) {
    const { files, bytes } = sizes.total();
    if (files >= limits.files || bytes + size > limits.bytes) {
      beyond++;
      await setAside(folder, name);
      continue;
    }
    const stored = await readOne(name, deps);
    if (stored === undefined) continue;
    sizes.set(name, size);
    const later = name + livesSuffix;
    const livesSize = lives.get(later);
    lives.delete(later);
    if (livesSize !== undefined) sizes.set(later, livesSize);
    yield { ...stored, lives: livesSize === undefined ? undefined : await readLives(later, stored.key, deps) };
  }
  // Their records are gone.
  for (const name of lives.keys()) await fs.rm(path.join(folder, name), { recursive: true, force: true });
  if (beyond > 0) {
    const reason = `the directory has more than ${limits.files} files or ${limits.bytes} bytes`;
    report({ event: 'set-aside', file: `${beyond} files`, reason });
  }
}

function isLives(name: string): boolean {
  return /^[0-9a-f]{64}\.lives$/.test(name);
}

/** So many are looked at at once. */
const atOnce = 64;

async function sizesOf(folder: string, names: readonly string[]): Promise<Found[]> {
  const found: Found[] = [];
  for (let from = 0; from < names.length; from += atOnce) {
    const some = names.slice(from, from + atOnce).map(async (name) => {
      const stats = await fs.stat(path.join(folder, name)).catch(() => undefined);
      return { name, size: stats?.size ?? 0, writtenAt: stats?.mtimeMs ?? 0 };
    });
    found.push(...(await Promise.all(some)));
  }
  return found;
}

async function readOne(name: string, { folder, sealer, report }: ReadingDeps): Promise<RecordFile | undefined> {
  const outcome = await read(folder, name, sealer);
  if ('record' in outcome) return outcome;
  if ('code' in outcome) {
    report({ event: 'unreadable', file: name, reason: outcome.code });
    return undefined;
  }
  const failed = await setAside(folder, name);
  const reason = failed === undefined ? outcome.problem : `${outcome.problem}; it cannot be renamed (${failed})`;
  report({ event: 'set-aside', file: `${name}${unusableSuffix}`, reason });
  return undefined;
}

/** Without them those in the record count. */
async function readLives(name: string, key: string, { folder, sealer }: ReadingDeps): Promise<JsonObject | undefined> {
  const outcome = await read(folder, name, sealer);
  return 'record' in outcome && outcome.key === key ? outcome.record : undefined;
}

type Outcome = RecordFile | { readonly problem: string } | { readonly code: string };

async function read(folder: string, name: string, sealer: Sealer): Promise<Outcome> {
  let sealed: Buffer | undefined;
  try {
    sealed = await readBounded(path.join(folder, name), largestFile);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EFBIG') return { problem: `it is larger than ${largestFile} bytes` };
    return code === 'EISDIR' ? { problem: 'it is a directory' } : { code };
  }
  if (sealed === undefined) return { code: 'ENOENT' };
  const opened = sealer.open(name, sealed);
  if ('problem' in opened) return opened;
  const stored = fromBytes(opened.plain);
  return stored ?? { problem: 'its content is not as it should be' };
}

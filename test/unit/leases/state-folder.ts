import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  type LeaseState,
  type LeaseStateReport,
  openLeaseState,
  type StoredRecord,
} from '../../../provider/leases/state.ts';

/** A process of keymount that opens a state directory. */
export async function openState(
  dir: string,
  limits?: { files: number; bytes: number },
): Promise<Omit<LeaseState, 'load'> & { load: () => Promise<Loaded[]>; readonly reports: LeaseStateReport[] }> {
  const reports: LeaseStateReport[] = [];
  const report = (one: LeaseStateReport) => void reports.push(one);
  const state = await openLeaseState({ dir, randomBytes, report, ...(limits === undefined ? {} : { limits }) });
  const load = async () => {
    const found: Loaded[] = [];
    for await (const { lives, ...rest } of state.load()) found.push(lives === undefined ? rest : { ...rest, lives });
    return found;
  };
  return { ...state, load, reports };
}

/** A record, with its lives where there are some. */
export type Loaded = Omit<StoredRecord, 'lives'> & Partial<Pick<StoredRecord, 'lives'>>;

/** Names in `leases/`, sorted. */
export function filesIn(dir: string): string[] {
  return readdirSync(join(dir, 'leases')).sort();
}

/** The only record's file. */
export function onlyFile(dir: string): string {
  const [name, ...others] = filesIn(dir);
  if (name === undefined || others.length > 0) throw new Error(`not one file: ${[name, ...others].join(' ')}`);
  return join(dir, 'leases', name);
}

/** Every byte of every file below the folder, and every name. */
export function allBytes(folder: string): Buffer {
  const parts = readdirSync(folder).map((name) => {
    const path = join(folder, name);
    return Buffer.concat([
      Buffer.from(`\n${name}\n`),
      statSync(path).isDirectory() ? allBytes(path) : readFileSync(path),
    ]);
  });
  return Buffer.concat(parts);
}

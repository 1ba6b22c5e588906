import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type LeaseState, type LeaseStateReport, openLeaseState } from '../../../provider/leases/state.ts';

/** A process of keymount that opens a state directory. */
export async function openState(dir: string): Promise<LeaseState & { readonly reports: LeaseStateReport[] }> {
  const reports: LeaseStateReport[] = [];
  const state = await openLeaseState({ dir, randomBytes, report: (report) => void reports.push(report) });
  return { ...state, reports };
}

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

import type { KeymountError } from '../errors.ts';
import type { DialectName, Plan } from '../plan/plan.ts';
import type { Caller } from '../sessions/caller.ts';
import type { Reads } from '../sessions/reads.ts';
import { combineFailures } from './failure.ts';
import { fetchSecrets } from './fetch.ts';
import { checkSize, type File, renderFiles } from './files.ts';
import type { Plans } from './plans.ts';
import { type MountCall, type MountRequest, readRequest } from './request.ts';
import { type ObjectVersion, type VersionKey, versionsOf } from './versions.ts';

/** What a Mount works with; all state is behind it. */
export interface MountParts {
  readonly plans: Plans;
  /** Proof of who asks. */
  readonly callerOf: (request: MountRequest, signal: AbortSignal) => Promise<Caller>;
  readonly reads: Reads;
  readonly versionKey: VersionKey;
  /** Bytes of all files of one volume. */
  readonly responseBytes: number;
}

/** The whole content of the volume. */
export interface MountReply {
  readonly files: readonly File[];
  readonly versions: readonly ObjectVersion[];
}

/** What the log tells of a Mount, filled in as it goes so that a failed one is told as well. */
export interface MountRecord {
  request?: MountRequest;
  plan?: Plan;
  /** Everything that failed; the error that the driver gets has room for the first few. */
  failures?: readonly KeymountError[];
  reads: number;
  /** Of the reads, those answered from memory, outdated ones included. */
  cached: number;
  /** Of those, the outdated ones: the backend is away and the class has `staleOnError`. */
  stale: number;
}

/** One Mount: all files of the class or an error, nothing between. */
export async function mount(
  call: MountCall,
  dialect: DialectName,
  parts: MountParts,
  record: MountRecord,
  signal: AbortSignal,
): Promise<MountReply> {
  const request = readRequest(call);
  record.request = request;
  const plan = parts.plans.get(dialect, request);
  record.plan = plan;
  const caller = await parts.callerOf(request, signal);
  const reads = await fetchSecrets(plan, caller, parts.reads, signal);
  record.reads = reads.length;
  record.cached = reads.filter((read) => 'from' in read && read.from !== 'backend').length;
  record.stale = reads.filter((read) => 'from' in read && read.from === 'stale').length;
  signal.throwIfAborted();
  const { files, failures } = renderFiles(plan, reads, request.permission);
  if (failures.length > 0) {
    record.failures = failures;
    throw combineFailures(failures);
  }
  checkSize(files, parts.responseBytes);
  if (files.length === 0) return emptyVolume;
  const key = await parts.versionKey(dialect, signal);
  return { files, versions: versionsOf(files, key) };
}

/**
 * The driver (v1.6.0) keeps the old files when `files` is empty, and refuses an answer without versions. So a volume whose
 * optional objects are all gone holds one empty file.
 */
const emptyFile: File = {
  path: '.keymount-empty',
  mode: 0o444,
  contents: new Uint8Array(),
  output: {
    path: '.keymount-empty',
    source: 0,
    select: { whole: 'keys' },
    decode: 'utf-8',
    optional: true,
    at: { path: '' },
  },
};
const emptyVolume: MountReply = { files: [emptyFile], versions: [{ id: emptyFile.path, version: 'empty' }] };

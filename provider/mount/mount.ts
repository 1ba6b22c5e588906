import type { KeymountError } from '../errors.ts';
import type { DialectName, Plan } from '../plan/plan.ts';
import type { Caller } from '../sessions/caller.ts';
import type { ReadOutcome, Reads } from '../sessions/reads.ts';
import { combineFailures } from './failure.ts';
import { fetchSecrets } from './fetch.ts';
import { checkSize, type File, renderFiles } from './files.ts';
import type { Plans } from './plans.ts';
import type { Replies } from './replies.ts';
import type { MountCall, MountRequest } from './request.ts';
import type { Requests } from './requests.ts';
import { hasOwnVersion, type ObjectVersion, type VersionKey, versionsOf } from './versions.ts';

/** What a Mount works with; all state is behind it. */
export interface MountParts {
  readonly requests: Requests;
  readonly plans: Plans;
  /** Proof of who asks. */
  readonly callerOf: (request: MountRequest, plan: Plan, signal: AbortSignal) => Promise<Caller>;
  readonly reads: Reads;
  readonly replies: Replies;
  readonly versionKey: VersionKey;
  /** Told of every volume that was answered. */
  readonly onReply: (volume: string, reply: MountReply) => void;
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
  /** What backends say of secrets that were read, without values. */
  warnings?: readonly string[];
}

/** One Mount: all files of the class or an error, nothing between. */
export async function mount(
  call: MountCall,
  dialect: DialectName,
  parts: MountParts,
  record: MountRecord,
  signal: AbortSignal,
): Promise<MountReply> {
  const request = parts.requests.read(call);
  record.request = request;
  const found = parts.plans.get(dialect, request, signal);
  const plan = found instanceof Promise ? await found : found;
  record.plan = plan;
  const caller = await parts.callerOf(request, plan, signal);
  const reads = await fetchSecrets(plan, caller, parts.reads, signal);
  recordReads(record, reads);
  const replyKey = parts.replies.keyOf(plan, reads, request.permission);
  const known = parts.replies.get(replyKey);
  if (known !== undefined) {
    parts.onReply(caller.volume, known);
    return known;
  }
  const { files, failures } = renderFiles(plan, reads, request.permission);
  if (failures.length > 0) {
    record.failures = failures;
    throw combineFailures(failures);
  }
  checkSize(files, parts.responseBytes);
  if (files.length === 0) {
    parts.onReply(caller.volume, emptyVolume);
    return emptyVolume;
  }
  const key = files.every(hasOwnVersion) ? undefined : await parts.versionKey(dialect, signal);
  const reply = { files, versions: versionsOf(files, key) };
  parts.replies.put(replyKey, reply);
  parts.onReply(caller.volume, reply);
  return reply;
}

function recordReads(record: MountRecord, reads: readonly ReadOutcome[]): void {
  record.reads = reads.length;
  const warnings = reads.flatMap((read) => ('secret' in read ? (read.secret.warnings ?? []) : []));
  if (warnings.length > 0) record.warnings = warnings;
  for (const read of reads) {
    if (!('from' in read) || read.from === 'backend') continue;
    record.cached++;
    if (read.from === 'stale') record.stale++;
  }
}

/**
 * The driver (v1.6.0) keeps the old files when `files` is empty, and refuses an answer without versions. So a volume whose
 * optional objects are all gone holds one empty file.
 */
const emptyFile: File = {
  path: '.keymount-empty',
  mode: 0o444,
  contents: new Uint8Array(),
  backendVersion: '',
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

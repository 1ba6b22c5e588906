import { KeymountError } from '../errors.ts';
import type { Output, Plan } from '../plan/plan.ts';
import { selectBytes } from '../render/select.ts';
import type { ReadOutcome } from '../sessions/reads.ts';

/** One file of the volume, rendered. */
export interface File {
  readonly path: string;
  readonly mode: number;
  readonly contents: Uint8Array;
  readonly output: Output;
  /** Of the secret that it was made of. */
  readonly backendVersion: string;
}

/** A secret or key that is not there; an optional object may be. A denied one still fails. */
const absences = new Set(['secret-missing', 'secret-deleted', 'key-missing']);

/**
 * The files of a plan from what was read, in the order of the class: all of them or an error for each that failed. Optional
 * objects that do not exist are left out.
 */
export function renderFiles(
  plan: Plan,
  reads: readonly ReadOutcome[],
  permission: number,
): { files: File[]; failures: KeymountError[] } {
  const files: File[] = [];
  const failures: KeymountError[] = [];
  for (const output of plan.outputs) {
    const result = renderFile(output, reads[output.source], permission);
    if (!(result instanceof KeymountError)) files.push(result);
    else if (!output.optional || !absences.has(result.code)) failures.push(result);
  }
  return { files, failures };
}

function renderFile(output: Output, read: ReadOutcome | undefined, permission: number): File | KeymountError {
  if (read === undefined) return new KeymountError('internal', 'an object was not read', { at: output.at });
  // A failure of a read that several objects share stands at the first; a login's failure at none of them.
  if ('error' in read) return read.ofSession ? read.error : read.error.placed(output.at);
  try {
    const contents = selectBytes(read.secret, output.select, output.decode);
    const backendVersion = read.secret.version;
    return { path: output.path, mode: output.mode ?? permission, contents, output, backendVersion };
  } catch (error) {
    if (!(error instanceof KeymountError)) throw error;
    return withAddress(error, read.address).placed(output.at);
  }
}

/** A missing key is looked for in the store, so the message names the secret there, as its own tools write it. */
function withAddress(error: KeymountError, address: string): KeymountError {
  return new KeymountError(error.code, `${error.message} at ${address.replace(/^\/v1\//, '')}`, {
    reason: error.reason,
    hint: error.hint,
  });
}

/** Bytes of a file's version, and of protobuf around both. Its path goes twice. */
const framing = 66;

/**
 * Refuses a volume that the driver could not receive (its client takes 4 MiB by default, v1.6.0), naming the largest files.
 * `limit` is in bytes of the reply: contents, and what surrounds each file in it.
 */
export function checkSize(files: readonly File[], limit: number): void {
  const total = files.reduce(
    (sum, { path, contents }) => sum + contents.length + 2 * Buffer.byteLength(path) + framing,
    0,
  );
  if (total <= limit) return;
  const largest = [...files].sort((a, b) => b.contents.length - a.contents.length).slice(0, 3);
  throw new KeymountError(
    'response-too-large',
    `the files and their versions have ${total} bytes, more than the ${limit} that one volume may have`,
    {
      reason: `the largest are ${largest.map(({ path, contents }) => `${path.slice(0, 100)} (${contents.length})`).join(', ')}`,
      hint: 'split the class, or raise --max-call-recv-msg-size of the driver and limits.responseBytes of keymount together',
    },
  );
}

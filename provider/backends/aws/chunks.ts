import { KeymountError } from '../../errors.ts';
import type { Secret } from '../backend.ts';
import type { AwsRef } from './ref.ts';

/** A read on its way, and its caller's patience. */
export interface Job {
  readonly ref: AwsRef;
  readonly signal: AbortSignal;
}

/** What one request said of several refs; those that it left out have to be asked for one by one. */
export type Answers = ReadonlyMap<AwsRef, Secret | KeymountError>;

/**
 * Reads jobs with requests for up to `size` of them, and one by one what those leave open. A request that is refused may be so for
 * one of its names alone: then each is asked for on its own, to know which.
 */
export function readInChunks(
  jobs: readonly Job[],
  size: number,
  askMany: (refs: readonly AwsRef[]) => Promise<Answers>,
  askOne: (job: Job) => Promise<Secret>,
): Promise<Secret>[] {
  const chunks: Job[][] = [];
  for (let start = 0; start < jobs.length; start += size) chunks.push(jobs.slice(start, start + size));
  return chunks.flatMap((chunk) => {
    const answers = askMany(chunk.map(({ ref }) => ref));
    return chunk.map(async (job) => {
      let answer: Secret | KeymountError | undefined;
      try {
        answer = (await answers).get(job.ref);
      } catch (thrown) {
        if (chunk.length === 1 || !(thrown instanceof KeymountError) || !ofOne.has(thrown.code)) throw thrown;
      }
      if (answer instanceof KeymountError) throw answer;
      return answer ?? (await askOne(job));
    });
  });
}

const ofOne: ReadonlySet<string> = new Set(['secret-denied', 'secret-missing', 'backend-rejected', 'class-invalid']);

import type { KeymountError } from '../../errors.ts';
import type { Secret } from '../backend.ts';
import { type Answers, type Job, readInChunks } from './chunks.ts';
import { Gather } from './gather.ts';
import type { AwsLine } from './line.ts';
import type { AwsRef } from './ref.ts';
import type { InRegions, Place } from './regions.ts';
import { batchSize, getSecret, getSecrets, type SecretsPlace } from './secrets.ts';

export interface SecretReadsOptions {
  readonly line: AwsLine;
  readonly inRegions: InRegions;
  /** Whose secrets: for them BatchGetSecretValue is given up for good where it is denied. */
  readonly principal: string;
  readonly batch: boolean;
}

/** Reads of Secrets Manager: side by side, or those of one moment together where the connection wants it. */
export function createSecretReads({ line, inRegions, principal, batch }: SecretReadsOptions) {
  async function placed({ requestTo, question }: Place, signal: AbortSignal): Promise<SecretsPlace> {
    const call = { ...requestTo('secretsmanager'), transport: line.transport, signal };
    return { client: await line.secretsManager(), call, question };
  }

  const readOne = ({ ref, signal }: Job): Promise<Secret> =>
    inRegions(ref.name, async (place) => getSecret(place.targetOf(ref), await placed(place, signal)));

  const readMany = (refs: readonly AwsRef[], signal: AbortSignal): Promise<Answers> =>
    inRegions(refs[0]?.name ?? '', async (place) => {
      const names = new Map(refs.map((ref) => [ref, place.targetOf(ref).name]));
      const answer = await getSecrets([...new Set(names.values())], await placed(place, signal));
      const answers = new Map<AwsRef, Secret | KeymountError>();
      if ('denied' in answer) {
        line.noBatch.set(principal, true);
        return answers;
      }
      for (const [ref, name] of names) {
        const found = answer.get(name);
        if (found !== undefined) answers.set(ref, found);
      }
      return answers;
    });

  const gather = new Gather<Job, Secret>((jobs, signal) =>
    readInChunks(jobs, batchSize, (refs) => readMany(refs, signal), readOne),
  );

  return (ref: AwsRef, signal: AbortSignal): Promise<Secret> => {
    // A batch has current values only.
    const isPlain = ref.version === undefined && ref.label === undefined && ref.failover?.label === undefined;
    const job = { ref, signal };
    return batch && isPlain && !line.noBatch.has(principal) ? gather.add(job, signal) : readOne(job);
  };
}

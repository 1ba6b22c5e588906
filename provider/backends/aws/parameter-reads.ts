import { KeymountError } from '../../errors.ts';
import type { Secret } from '../backend.ts';
import { type Answers, type Job, readInChunks } from './chunks.ts';
import { explainRead } from './explain.ts';
import { Gather } from './gather.ts';
import { matchParameters, type Parameters, parametersRequest, readParameters, selectorOf } from './parameters.ts';
import type { AwsRef } from './ref.ts';
import type { InRegions, Place } from './regions.ts';
import { parameterToSecret, unusable } from './reply.ts';
import type { Transport } from './transport.ts';

/** Names that one GetParameters takes. */
const most = 10;

/** Reads of Parameter Store: those of one moment together, ten a request. */
export function createParameterReads(transport: Transport, inRegions: InRegions) {
  async function ask(asked: readonly string[], place: Place, signal: AbortSignal): Promise<Parameters> {
    const request = { ...place.requestTo('ssm'), ...parametersRequest(asked), service: 'ssm' as const };
    const reply = await transport(request, signal);
    const what = namesOf(asked);
    if (reply.status !== 200) throw explainRead(reply, place.question(what, 'ssm:GetParameters'));
    return readParameters(reply, what);
  }

  const readOne = ({ ref, signal }: Job): Promise<Secret> =>
    inRegions(selectorOf(ref), async (place) => {
      const asked = selectorOf(place.targetOf(ref));
      const answer = await ask([asked], place, signal);
      const own = matchParameters([asked], answer).get(asked);
      if (own !== undefined) return parameterToSecret(own);
      if (answer.invalid.size > 0) throw missing(asked, place);
      throw unusable(asked, answer.found.length > 0 ? 'is of something else' : 'has neither a value nor a reason');
    });

  const readMany = (refs: readonly AwsRef[], signal: AbortSignal): Promise<Answers> =>
    inRegions(namesOf(refs.map(selectorOf)), async (place) => {
      const asked = new Map(refs.map((ref) => [ref, selectorOf(place.targetOf(ref))]));
      const texts = [...new Set(asked.values())];
      const answer = await ask(texts, place, signal);
      const matched = matchParameters(texts, answer);
      const answers = new Map<AwsRef, Secret | KeymountError>();
      for (const [ref, text] of asked) {
        const parameter = matched.get(text);
        if (answer.invalid.has(text)) answers.set(ref, missing(text, place));
        else if (parameter !== undefined) answers.set(ref, parameterToSecret(parameter));
      }
      return answers;
    });

  const gather = new Gather<Job, Secret>((jobs, signal) =>
    readInChunks(jobs, most, (refs) => readMany(refs, signal), readOne),
  );

  return (ref: AwsRef, signal: AbortSignal): Promise<Secret> => gather.add({ ref, signal }, signal);
}

/** For messages. */
function namesOf(names: readonly string[]): string {
  const [first = '', second] = names;
  if (second === undefined) return first;
  return names.length === 2 ? `${first} and ${second}` : `${first} and ${names.length - 1} more`;
}

function missing(text: string, { region }: Place): KeymountError {
  return new KeymountError('secret-missing', `there is no parameter ${text} in ${region}`, {
    reason: 'InvalidParameters',
  });
}

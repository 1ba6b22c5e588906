import type { KeymountError } from '../../errors.ts';
import { isArn } from '../../plan/dialects/aws-address.ts';
import type { Secret } from '../backend.ts';
import type { Call, SecretsManager } from './client.ts';
import { explainFault, explainRead, type ReadQuestion } from './explain.ts';
import { faultOf, tidy } from './fault.ts';
import type { AwsRef } from './ref.ts';
import { type SecretValue, unusable, valueToSecret } from './reply.ts';

/** A secret in a region. */
export type Target = Pick<AwsRef, 'name' | 'version' | 'label'>;

/** How reads of one session are made in one region. */
export interface SecretsPlace {
  readonly client: SecretsManager;
  readonly call: Call;
  readonly question: (name: string, action: string) => ReadQuestion;
}

/** One secret with GetSecretValue. */
export async function getSecret({ name, version, label }: Target, place: SecretsPlace): Promise<Secret> {
  const input = {
    SecretId: name,
    ...(version === undefined ? {} : { VersionId: version }),
    ...(label === undefined ? {} : { VersionStage: label }),
  };
  const answer = await place.client.getSecretValue(input, place.call);
  if ('output' in answer) {
    const { output } = answer;
    if (isNamed(output) && !isOf(output, name)) throw unusable(name, 'is of something else');
    return valueToSecret(output, name);
  }
  throw explainRead(answer.refusal, place.question(name, 'secretsmanager:GetSecretValue'));
}

/** Secrets that one BatchGetSecretValue takes. */
export const batchSize = 20;

/** What a batch said of its secrets, by their names. Those that it left out have to be asked for one by one. */
export type BatchAnswer = ReadonlyMap<string, Secret | KeymountError> | { readonly denied: KeymountError };

/** The current values of up to 20 secrets with BatchGetSecretValue. `denied`: the role may not, or the endpoint cannot. */
export async function getSecrets(names: readonly string[], place: SecretsPlace): Promise<BatchAnswer> {
  const answer = await place.client.batchGetSecretValue({ SecretIdList: [...names] }, place.call);
  if ('refusal' in answer) {
    const what = names.length === 1 ? (names[0] ?? '') : `${names[0]} and ${names.length - 1} more`;
    const error = explainRead(answer.refusal, place.question(what, 'secretsmanager:BatchGetSecretValue'));
    const isUnknown = /^UnknownOperation/.test(faultOf(answer.refusal).code);
    if (error.code === 'secret-denied' || isUnknown) return { denied: error };
    // One bad name spoils a batch: one by one they say which.
    if (error.code === 'backend-rejected') return new Map();
    throw error;
  }
  const found = new Map<string, Secret | KeymountError>();
  for (const value of answer.output.SecretValues ?? []) {
    for (const name of names) if (isOf(value, name)) found.set(name, valueToSecret(value, name));
  }
  for (const { SecretId = '', ErrorCode = '', Message = '' } of answer.output.Errors ?? []) {
    const question = place.question(SecretId, 'secretsmanager:GetSecretValue');
    if (names.includes(SecretId) && !found.has(SecretId)) {
      found.set(SecretId, explainFault({ code: ErrorCode, message: tidy(Message, question.secrets) }, question));
    }
  }
  return found;
}

/** The service always says what a value is of; some that stand in for it do not. */
function isNamed({ Name, ARN }: SecretValue): boolean {
  return Name !== undefined || ARN !== undefined;
}

/** The ARN of a secret ends in six characters of its own, which may be left out. */
function isOf({ Name, ARN = '' }: SecretValue, name: string): boolean {
  if (!isArn(name)) return Name === name;
  return ARN === name || (ARN.startsWith(`${name}-`) && ARN.length === name.length + 7);
}

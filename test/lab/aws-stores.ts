import type { Holder } from './aws-keys.ts';

export interface Answer {
  readonly status: number;
  readonly body: object | string;
  readonly headers?: Record<string, string>;
}

/** A version of a secret. */
export interface SecretVersion {
  readonly id: string;
  readonly value: string | Uint8Array;
  readonly stages: readonly string[];
}

/** An exception of the JSON protocols. */
export function refusal(type: string, message: string, status = 400): Answer {
  return { status, body: { __type: type, message, Message: message }, headers: { 'x-amzn-errortype': type } };
}

export function denied({ role, session }: Holder, action: string, resource: string): Answer {
  const message = `User: ${role}/${session} is not authorized to perform: ${action} on resource: ${resource} because no identity-based policy allows the ${action} action`;
  return refusal('AccessDeniedException', message);
}

/** The data of Secrets Manager and Parameter Store, by region and name. */
export class AwsStores {
  /** Newest last. */
  readonly secrets = new Map<string, SecretVersion[]>();
  readonly parameters = new Map<string, { values: string[]; labels: Record<string, number> }>();
  /** Leaves `Selector` out of answers, as some endpoints do. */
  withoutSelectors = false;
  #lastId = 0;

  /** Adds a version, which is the current one then. */
  putSecret(region: string, name: string, value: string | Uint8Array): string {
    const id = `00000000-0000-4000-8000-${String(++this.#lastId).padStart(12, '0')}`;
    const key = `${region} ${name}`;
    const older = (this.secrets.get(key) ?? []).map((version) => ({ ...version, stages: olderStages(version.stages) }));
    this.secrets.set(key, [...older, { id, value, stages: ['AWSCURRENT'] }]);
    return id;
  }

  putParameter(region: string, name: string, value: string, label?: string): void {
    const key = `${region} ${name}`;
    const { values, labels } = this.parameters.get(key) ?? { values: [], labels: {} };
    const more = label === undefined ? labels : { ...labels, [label]: values.length + 1 };
    this.parameters.set(key, { values: [...values, value], labels: more });
  }

  answer(
    operation: string,
    region: string,
    input: Record<string, unknown>,
    mayRead: (name: string) => boolean,
  ): Answer {
    switch (operation) {
      case 'GetSecretValue':
        return this.#secret(region, String(input['SecretId']), input['VersionId'], input['VersionStage']);
      case 'BatchGetSecretValue':
        return this.#batch(region, input['SecretIdList'] as string[], mayRead);
      case 'GetParameters':
        return this.#parameters(region, input['Names'] as string[], input['WithDecryption']);
      default:
        return refusal('UnknownOperationException', operation);
    }
  }

  #secret(region: string, id: string, version: unknown, stage: unknown): Answer {
    const name = nameOf(id);
    const versions = this.secrets.get(`${region} ${name}`);
    if (versions === undefined)
      return refusal('ResourceNotFoundException', "Secrets Manager can't find the specified secret.");
    const wanted = stage ?? (version === undefined ? 'AWSCURRENT' : undefined);
    const found = versions.find((each) => version === undefined || each.id === version);
    const hit = version === undefined ? versions.find(({ stages }) => stages.includes(String(wanted))) : found;
    if (hit === undefined) {
      const what = version === undefined ? `staging label: ${String(wanted)}` : `VersionId: ${String(version)}`;
      return refusal('ResourceNotFoundException', `Secrets Manager can't find the specified secret value for ${what}`);
    }
    if (wanted !== undefined && !hit.stages.includes(String(wanted))) {
      return refusal(
        'InvalidRequestException',
        'You provided a VersionStage that is not associated to the provided VersionId.',
      );
    }
    const content =
      typeof hit.value === 'string'
        ? { SecretString: hit.value }
        : { SecretBinary: Buffer.from(hit.value).toString('base64') };
    const arn = `arn:aws:secretsmanager:${region}:123456789012:secret:${name}-AbCdEf`;
    return { status: 200, body: { ARN: arn, Name: name, VersionId: hit.id, VersionStages: hit.stages, ...content } };
  }

  #batch(region: string, ids: string[], mayRead: (name: string) => boolean): Answer {
    if (ids.length < 1 || ids.length > 20)
      return refusal('ValidationException', 'SecretIdList must have 1 to 20 members');
    const answers = ids.map((id) => ({
      id,
      answer: mayRead(id) ? this.#secret(region, id, undefined, undefined) : undefined,
    }));
    const values = answers.flatMap(({ answer }) => (answer?.status === 200 ? [answer.body] : []));
    const errors = answers.flatMap(({ id, answer }) => {
      if (answer?.status === 200) return [];
      const body = (answer?.body ?? { __type: 'AccessDeniedException', message: 'not authorized' }) as Record<
        string,
        string
      >;
      return [{ SecretId: id, ErrorCode: body['__type'], Message: body['message'] }];
    });
    return { status: 200, body: { SecretValues: values.reverse(), Errors: errors } };
  }

  #parameters(region: string, names: string[], decrypted: unknown): Answer {
    if (names.length < 1 || names.length > 10 || new Set(names).size !== names.length) {
      return refusal(
        'ValidationException',
        "1 validation error detected: Value at 'names' failed to satisfy constraint",
      );
    }
    const found: object[] = [];
    const invalid: string[] = [];
    for (const text of names) {
      const parameter = this.#parameter(region, text, decrypted);
      if (parameter === undefined) invalid.push(text);
      else found.unshift(parameter);
    }
    return { status: 200, body: { Parameters: found, InvalidParameters: invalid } };
  }

  #parameter(region: string, text: string, decrypted: unknown): object | undefined {
    const [name = '', selector] = text.startsWith('arn:') ? [text.split(':parameter').at(-1)] : text.split(':');
    const stored = this.parameters.get(`${region} ${name}`);
    if (stored === undefined) return undefined;
    const number =
      selector === undefined
        ? stored.values.length
        : /^\d+$/.test(selector)
          ? Number(selector)
          : stored.labels[selector];
    const value = number === undefined ? undefined : stored.values[number - 1];
    if (value === undefined) return undefined;
    return {
      Name: name,
      Type: 'SecureString',
      Value: decrypted === true ? value : 'AQICAHi…',
      Version: number,
      ARN: `arn:aws:ssm:${region}:123456789012:parameter/${name.replace(/^\//, '')}`,
      ...(selector === undefined || this.withoutSelectors ? {} : { Selector: `:${selector}` }),
    };
  }
}

function olderStages(stages: readonly string[]): string[] {
  return stages.includes('AWSCURRENT') ? ['AWSPREVIOUS'] : stages.filter((stage) => stage !== 'AWSPREVIOUS');
}

/** `arn:…:secret:prod/db-AbCdEf`, or without those characters, as the name. */
function nameOf(id: string): string {
  return id.startsWith('arn:') ? (id.split(':secret:').at(-1) ?? '').replace(/-AbCdEf$/, '') : id;
}

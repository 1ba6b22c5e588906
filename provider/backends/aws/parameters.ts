import type { Reply } from '../../net/request.ts';
import { isArn, parseArn } from '../../plan/dialects/aws-address.ts';
import { isJsonObject, isRawNumber, type JsonObject, ownKey, parseJson } from '../../util/json.ts';
import type { AwsRef } from './ref.ts';
import { type Parameter, unusable } from './reply.ts';

/**
 * The request of GetParameters, for at most ten names
 * (https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html). The SDK's client would be much
 * code for this one call; see docs/dependencies.md.
 */
export function parametersRequest(names: readonly string[]): { headers: Record<string, string>; body: string } {
  return {
    headers: { 'Content-Type': 'application/x-amz-json-1.1', 'X-Amz-Target': 'AmazonSSM.GetParameters' },
    body: JSON.stringify({ Names: names, WithDecryption: true }),
  };
}

/** How a parameter is asked for: `name`, `name:3`, `name:label`. */
export function selectorOf({ name, version, label }: Pick<AwsRef, 'name' | 'version' | 'label'>): string {
  const chosen = version ?? label;
  return chosen === undefined ? name : `${name}:${chosen}`;
}

export interface Parameters {
  readonly found: readonly Parameter[];
  /** As they were asked for. */
  readonly invalid: ReadonlySet<string>;
}

/** The answer of GetParameters. `what` is for messages. Throws `backend-reply-invalid`. */
export function readParameters({ body }: Reply, what: string): Parameters {
  const answer = parse(body);
  if (answer === undefined) throw unusable(what, 'is not one of Parameter Store');
  const found = listOf(answer, 'Parameters').flatMap((each) => (isJsonObject(each) ? [toParameter(each)] : []));
  const invalid = listOf(answer, 'InvalidParameters').filter((each) => typeof each === 'string');
  return { found: found.filter((each) => each !== undefined), invalid: new Set(invalid) };
}

function parse(body: Buffer): JsonObject | undefined {
  try {
    const value = parseJson(body.toString('utf8'));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function listOf(answer: JsonObject, key: string) {
  const list = ownKey(answer, key);
  return Array.isArray(list) ? list : [];
}

function toParameter(object: JsonObject): Parameter | undefined {
  const text = (key: string) => {
    const value = ownKey(object, key);
    return typeof value === 'string' ? value : undefined;
  };
  const version = ownKey(object, 'Version');
  const value = text('Value');
  if (value === undefined) return undefined;
  return {
    name: text('Name') ?? '',
    arn: text('ARN') ?? '',
    value,
    version: version !== undefined && isRawNumber(version) ? version.rawJSON : '',
    selector: text('Selector'),
  };
}

/**
 * Which answer belongs to which request. The service keeps no order, may write a name differently, and says with `Selector` which
 * of two versions of one parameter an answer is; some endpoints leave that out, and then the version may tell. What stays open is
 * left out, to be asked for on its own.
 */
export function matchParameters(asked: readonly string[], { found }: Parameters): Map<string, Parameter> {
  const requests = asked.map(splitSelector);
  const matched = new Map<string, Parameter>();
  for (const request of requests) {
    const rivals = requests.filter(({ base }) => base === request.base).length;
    const exact = found.filter(({ name, arn }) => name === request.base || arn === request.base);
    const own = exact.length > 0 ? exact : found.filter((parameter) => isSame(parameter, request.base));
    const tells = own.some(({ selector }) => selector !== undefined && selector !== '');
    const fitting = own.filter((parameter) => fits(parameter, request.selector, rivals, tells));
    const [only] = fitting;
    if (only !== undefined && fitting.every(({ version, value }) => version === only.version && value === only.value)) {
      matched.set(request.text, only);
    }
  }
  return matched;
}

interface Asked {
  readonly text: string;
  readonly base: string;
  readonly selector: string | undefined;
}

function splitSelector(text: string): Asked {
  const parts = text.split(':');
  const length = isArn(text) ? 6 : 1;
  const selector = parts.length > length ? parts.slice(length).join(':') : undefined;
  return { text, base: parts.slice(0, length).join(':'), selector };
}

/** `/app/db` of a name or an ARN. */
function pathOf(text: string): string {
  const name = isArn(text) ? (parseArn(text)?.resource.replace(/^parameter/, '') ?? '') : text;
  return name.startsWith('/') ? name : `/${name}`;
}

function isSame({ name, arn }: Parameter, base: string): boolean {
  return pathOf(base) === pathOf(arn === '' || isArn(base) ? name : arn);
}

function fits({ selector, version }: Parameter, wanted: string | undefined, rivals: number, tells: boolean): boolean {
  if (selector !== undefined && selector !== '') return selector === `:${wanted}`;
  if (rivals === 1) return true;
  if (wanted === undefined) return tells;
  return /^\d+$/.test(wanted) && version === wanted;
}

import type { Reply } from '../../net/request.ts';
import { isJsonObject, type JsonObject, ownKey, parseJson } from '../../util/json.ts';

/** What a service says about a request that it refuses. */
export interface Fault {
  /** The name of the exception, as `ResourceNotFoundException`; empty if the answer is not one of AWS. */
  readonly code: string;
  /** One line, without ids of requests. */
  readonly message: string;
}

/** Longest text of a service in an error, in characters. */
const longest = 400;

/** The fault in a reply, JSON of the JSON protocols or XML of STS. `secrets` are tokens that it may repeat but we may not. */
export function faultOf({ headers, body }: Reply, secrets: readonly string[] = []): Fault {
  const text = body
    .subarray(0, 64 * 1024)
    .toString('utf8')
    .trim();
  const json = jsonOf(text);
  const header = headers['x-amzn-errortype'];
  if (json !== undefined) {
    const type = textOf(json, '__type') ?? textOf(json, 'code') ?? (typeof header === 'string' ? header : '');
    return { code: nameOf(type), message: tidy(textOf(json, 'message') ?? textOf(json, 'Message') ?? '', secrets) };
  }
  if (text.startsWith('<')) {
    return { code: nameOf(elementOf(text, 'Code') ?? ''), message: tidy(elementOf(text, 'Message') ?? '', secrets) };
  }
  return { code: typeof header === 'string' ? nameOf(header) : '', message: '' };
}

/** The text of the first XML element of a name, if it has no elements in it. */
export function elementOf(xml: string, name: string): string | undefined {
  const start = xml.indexOf(`<${name}>`);
  const end = xml.indexOf('<', start + 1);
  if (start === -1 || !xml.startsWith(`</${name}>`, end)) return undefined;
  const text = xml.slice(start + name.length + 2, end);
  return text.replace(/&(lt|gt|amp|quot|apos);/g, (_all, entity: string) => entities[entity] ?? '');
}

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/** What the SDKs take for throttling (smithy, service-error-classification). */
const throttling: ReadonlySet<string> = new Set([
  'BandwidthLimitExceeded',
  'EC2ThrottledException',
  'LimitExceededException',
  'PriorRequestNotComplete',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'SlowDown',
  'ThrottledException',
  'Throttling',
  'ThrottlingException',
  'TooManyRequestsException',
  'TransactionInProgressException',
]);

export function isThrottling(code: string): boolean {
  return throttling.has(code);
}

/** One line without secrets and without what is new in every answer: equal failures must give equal texts. */
export function tidy(text: string, secrets: readonly string[]): string {
  const masked = secrets.reduce((rest, secret) => (secret === '' ? rest : rest.replaceAll(secret, '…')), text);
  const line = masked
    .toWellFormed()
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
    .replace(/[\u0000-\u001f\u007f\s]+/g, ' ')
    .replace(/(?:request ?id:? ?|\[)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\]?:? ?/gi, '')
    .trim();
  return line.length <= longest ? line : `${line.slice(0, longest)}…`;
}

/** `com.amazonaws.ssm#ParameterNotFound` and `Name:http://…` → the name. */
function nameOf(type: string): string {
  const name = type.split(':', 1)[0]?.split('#').at(-1) ?? '';
  return /^\w{1,100}$/.test(name) ? name : '';
}

function jsonOf(text: string): JsonObject | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    const value = parseJson(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function textOf(object: JsonObject, key: string): string | undefined {
  const value = ownKey(object, key);
  return typeof value === 'string' ? value : undefined;
}

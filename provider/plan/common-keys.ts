import type { Encoding } from '../render/encoding.ts';
import { jmesPathProblem } from '../render/jmespath.ts';
import { durationForm, parseDuration } from '../util/duration.ts';
import { visible } from '../util/visible.ts';
import type { Fields } from './fields.ts';
import { issuingMount } from './issuing-path.ts';
import type { Parameters } from './parameters.ts';
import type { Source } from './plan.ts';
import type { Problems } from './problems.ts';

/** The object keys that every dialect has (docs/class.md §3), as far as this version offers them. */
export const commonKeys = [
  'key',
  'jmesPath',
  'decode',
  'mode',
  'version',
  'optional',
  'connection',
  'refreshInterval',
  'staleOnError',
] as const;

/** The rest of them: refused, because leaving them out silently would give other files than the author means. */
export const laterKeys = ['certificate', 'dir', 'format', 'from', 'keys', 'template'] as const;

/** `decode: base64 | base64url | hex`; `utf-8` when absent. */
export function readDecode(fields: Fields): Encoding {
  return readEncoding(fields, 'decode', ['base64', 'base64url', 'hex', 'utf-8']);
}

/** An encoding under any name, in any case. */
export function readEncoding(fields: Fields, key: string, known: readonly Encoding[]): Encoding {
  const text = fields.text(key);
  if (text === undefined) return 'utf-8';
  const found = known.find((encoding) => encoding === text.toLowerCase());
  if (found === undefined) fields.error(key, `must be one of ${known.join(', ')}, not ${shown(text)}`);
  return found ?? 'utf-8';
}

/** `jmesPath: db.password`, checked. */
export function readJmesPath(fields: Fields): string | undefined {
  const expression = fields.text('jmesPath');
  if (expression === undefined) return undefined;
  const problem = jmesPathProblem(expression);
  if (problem !== undefined) fields.error('jmesPath', problem);
  if (fields.has('key')) fields.error('key', 'cannot be combined with jmesPath: keep one');
  return expression;
}

/** `mode: 0400`, `"0400"` or `0o400`: octal however it is written. */
export function readMode(fields: Fields): number | undefined {
  const text = fields.text('mode');
  if (text === undefined) return undefined;
  const digits = /^(?:0o?)?([0-7]{1,4})$/.exec(text)?.[1];
  const mode = digits === undefined ? undefined : Number.parseInt(digits, 8);
  if (mode === undefined || mode > 0o777) {
    fields.error('mode', `must be octal between 0000 and 0777, for example "0400", not ${shown(text)}`);
    return undefined;
  }
  return mode;
}

/** `revokeCertificate: true`, where a certificate is issued: in the formats of Vault, OpenBao and keymount. */
export function readRevokeCertificate(
  fields: Fields,
  address: string,
  request: Source['request'],
): Pick<Source, 'revokeCertificate'> {
  if (!fields.boolean('revokeCertificate')) return {};
  if (issuingMount(address) === undefined)
    fields.error('revokeCertificate', 'needs a path that issues a certificate, for example pki/issue/web');
  else if (request?.method !== 'PUT' && request?.method !== 'POST')
    fields.error('revokeCertificate', 'needs the method PUT, with which certificates are issued');
  return { revokeCertificate: true };
}

/** Parameters that set it for all objects of a class. */
export const freshnessParameters = ['refreshInterval', 'staleOnError'] as const;

/** How fresh a source must be. A pinned version never changes, so it is read once unless the object says otherwise. */
export type Freshness = Pick<Source, 'refresh' | 'staleOnError'>;

/** `refreshInterval: 30s | 0 | once` and `staleOnError: 10m` of an object, over the class's. */
export function readFreshness(fields: Fields, ofClass: Freshness, pinned: boolean): Freshness {
  const text = fields.text('refreshInterval');
  const refresh = text === undefined ? (pinned ? 'once' : ofClass.refresh) : parseRefresh(text);
  if (text !== undefined && refresh === undefined) fields.error('refreshInterval', `must be ${durationForm}, or once`);
  const staleText = fields.text('staleOnError');
  const stale = staleText === undefined ? ofClass.staleOnError : parseDuration(staleText);
  if (staleText !== undefined && stale === undefined) fields.error('staleOnError', `must be ${durationForm}`);
  return { ...(refresh === undefined ? {} : { refresh }), ...(stale === undefined ? {} : { staleOnError: stale }) };
}

/** The same as parameters of the class, for all its objects. */
export function readClassFreshness(parameters: Parameters, problems: Problems): Freshness {
  const text = parameters.get('refreshInterval') ?? '';
  const refresh = text === '' ? undefined : parseRefresh(text);
  if (text !== '' && refresh === undefined) {
    problems.error({ path: 'parameters.refreshInterval' }, `must be ${durationForm}, or once`);
  }
  const staleText = parameters.get('staleOnError') ?? '';
  const stale = staleText === '' ? undefined : parseDuration(staleText);
  if (staleText !== '' && stale === undefined)
    problems.error({ path: 'parameters.staleOnError' }, `must be ${durationForm}`);
  return { ...(refresh === undefined ? {} : { refresh }), ...(stale === undefined ? {} : { staleOnError: stale }) };
}

function parseRefresh(text: string): number | 'once' | undefined {
  return text === 'once' ? 'once' : parseDuration(text);
}

/** A short text of the author in an error. Long ones may be a secret pasted into the wrong place. */
export function shown(text: string): string {
  // What nobody sees in it is named where the problem is told.
  return text.length <= 24 && /^[\x20-\x7e]*$/.test(visible(text)) ? `"${text}"` : 'what is written';
}

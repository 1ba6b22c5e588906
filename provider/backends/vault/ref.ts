import { KeymountError } from '../../errors.ts';
import { issuingMount } from '../../plan/issuing-path.ts';
import type { Source } from '../../plan/plan.ts';
import type { JsonValue } from '../../util/json.ts';
import { encodeElement } from './mount-path.ts';

/** What to read: a path of the API as it is, or a path as the CLI writes it, whose mount decides what is asked. */
export type VaultRef = ApiRef | CliRef;

export interface ApiRef {
  readonly kind: 'api';
  readonly method: string;
  /** Below `/v1/`, percent-encoded, with its query: `secret/data/app?version=2`. */
  readonly target: string;
  readonly args: JsonValue | undefined;
  /** Where the certificate that it issues is to be revoked, percent-encoded: `pki/revoke`. Absent: nowhere. */
  readonly revokeAt?: string;
}

export interface CliRef {
  readonly kind: 'cli';
  /** As written: `kv/shop/db`. */
  readonly path: string;
  readonly version: string | undefined;
}

/** DELETE and PATCH change a secret and return none. */
const methods: readonly string[] = ['GET', 'POST', 'PUT', 'LIST'];

/** Longest path, in characters; a request line of more than 8 KiB is refused by many servers. */
const longestPath = 2048;

/** Throws `class-invalid`. */
export function parseVaultRef(source: Source): VaultRef {
  const { address, request, version } = source;
  const refuse = (message: string, hint?: string) =>
    new KeymountError('class-invalid', message, { at: source.at, hint });
  const method = request?.method ?? 'GET';
  if (!methods.includes(method)) throw refuse(`the method ${method} reads no secret`, `use ${methods.join(', ')}`);
  if (version !== undefined && !/^[1-9]\d{0,14}$/.test(version)) {
    throw refuse(`the version ${JSON.stringify(version)} is not a number of a KV version`, 'as 3');
  }
  const isApi = address.startsWith('/v1/');
  const path = isApi ? address.slice('/v1/'.length) : address.replace(/^\/|\/$/g, '');
  // The server takes an encoded slash for one. A name that has `%2F` in it comes as `%252F`.
  if (isApi && /^[^?]*%(?:2f|5c)/i.test(path)) throw refuse('the secret path must not contain an encoded slash');
  const problem = problemOf(isApi ? (path.split('?', 1)[0] ?? '') : path);
  if (problem !== undefined) throw refuse(`the secret path ${problem}`);
  const args = request?.args;
  const revokeAt = revocationOf(source);
  if (isApi) return { kind: 'api', method, target: withVersion(encodeRest(path), version), args, ...revokeAt };
  if (method === 'GET') return { kind: 'cli', path, version };
  if (version !== undefined) throw refuse(`a ${method} request has no version`);
  return { kind: 'api', method, target: encodePath(path), args, ...revokeAt };
}

function revocationOf({ address, revokeCertificate }: Source): Pick<ApiRef, 'revokeAt'> {
  const mount = revokeCertificate ? issuingMount(address) : undefined;
  if (mount === undefined) return {};
  return { revokeAt: `${address.startsWith('/v1/') ? encodeRest(mount) : encodePath(mount)}/revoke` };
}

/** A path as the CLI writes it, for a URL. */
export function encodePath(path: string): string {
  return path.split('/').map(encodeElement).join('/');
}

/** The path of a target for people: without its query, decoded. */
export function shownPath(target: string): string {
  const path = target.split('?', 1)[0] ?? '';
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function problemOf(path: string): string | undefined {
  if (path === '') return 'is empty';
  if (path.length > longestPath) return `is longer than ${longestPath} characters`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (/[\u0000-\u001f\u007f]/.test(path)) return 'must not contain control characters';
  for (const element of path.split('/')) {
    if (element === '') return "must not contain '//'";
    // Encoded dots too: a server, or a proxy before it, may decode twice.
    if (/^(?:\.|%(?:25)*2e){1,2}$/i.test(element)) return "must not contain '.' or '..' elements";
  }
  return undefined;
}

/** Encodes what is not allowed in a request line and leaves alone what is encoded already. */
function encodeRest(target: string): string {
  return target.toWellFormed().replace(/%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9\-._~!$&'()*+,;=:@/?%]/gu, encodeURIComponent);
}

function withVersion(target: string, version: string | undefined): string {
  if (version === undefined) return target;
  return `${target}${target.includes('?') ? '&' : '?'}version=${version}`;
}

import { promises as fs } from 'node:fs';
import { KeymountError } from '../../errors.ts';
import { isJsonObject, type JsonObject, ownKey, parseJson } from '../../util/json.ts';

/** A credentials file of Google Cloud, as far as it is of use here. */
export type Credentials = ServiceAccountKey | ExternalAccount;

/** https://cloud.google.com/iam/docs/keys-create-delete */
export interface ServiceAccountKey {
  readonly type: 'service_account';
  readonly email: string;
  readonly keyId: string | undefined;
  /** PEM. */
  readonly privateKey: string;
}

/** https://google.aip.dev/auth/4117: a pool, and where the token is that is shown to it. */
export interface ExternalAccount {
  readonly type: 'external_account';
  readonly audience: string;
  readonly subjectTokenType: string;
  /** A file that holds the token, as text or as a field of a JSON object; absent where the file is for pods alone. */
  readonly source: { readonly file: string; readonly field: string | undefined } | undefined;
  /** Google service account to impersonate. */
  readonly serviceAccount: string | undefined;
}

const largestFile = 64 * 1024;

/** Throws `login-denied`, which names the file and never what is in it. */
export async function readCredentials(path: string): Promise<Credentials> {
  return parseCredentials(await readSmallFile(path), path);
}

/** `title` names them in messages. */
export function parseCredentials(text: string, title: string): Credentials {
  const object = objectOf(text);
  if (object === undefined) throw failed(title, 'is not a JSON object');
  const type = textOf(object, 'type');
  if (type === 'service_account') return toKey(object, title);
  if (type === 'external_account') return toExternalAccount(object, title);
  const shown = type === undefined || !/^\w{1,40}$/.test(type) ? 'unknown' : type;
  throw failed(title, `is of type ${shown}; keymount takes service_account and external_account`);
}

/** The token that an external account shows to its pool. */
export async function readSubjectToken({ source }: ExternalAccount, title: string): Promise<string> {
  if (source === undefined) throw failed(title, 'has no credential_source.file: it serves pods, not keymount itself');
  const text = await readSmallFile(source.file);
  const token = source.field === undefined ? text.trim() : textOf(objectOf(text) ?? {}, source.field);
  if (token !== undefined && token !== '') return token;
  throw failed(source.file, 'holds no token');
}

function toKey(object: JsonObject, title: string): ServiceAccountKey {
  const email = textOf(object, 'client_email');
  const privateKey = textOf(object, 'private_key');
  if (email === undefined || privateKey === undefined) throw failed(title, 'lacks client_email or private_key');
  return { type: 'service_account', email, privateKey, keyId: textOf(object, 'private_key_id') };
}

function toExternalAccount(object: JsonObject, title: string): ExternalAccount {
  const audience = textOf(object, 'audience');
  if (audience === undefined) throw failed(title, 'lacks audience');
  const impersonation = textOf(object, 'service_account_impersonation_url');
  return {
    type: 'external_account',
    audience,
    subjectTokenType: textOf(object, 'subject_token_type') ?? 'urn:ietf:params:oauth:token-type:jwt',
    source: sourceOf(ownKey(object, 'credential_source')),
    serviceAccount: /\/serviceAccounts\/([^/:]+):generateAccessToken$/.exec(impersonation ?? '')?.[1],
  };
}

function sourceOf(value: ReturnType<typeof ownKey>): ExternalAccount['source'] {
  const file = isJsonObject(value) ? textOf(value, 'file') : undefined;
  if (!isJsonObject(value) || file === undefined) return undefined;
  const format = ownKey(value, 'format');
  const isJson = isJsonObject(format) && textOf(format, 'type') === 'json';
  return { file, field: isJson ? (textOf(format, 'subject_token_field_name') ?? 'access_token') : undefined };
}

function objectOf(text: string): JsonObject | undefined {
  try {
    const value = parseJson(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function textOf(object: JsonObject, name: string): string | undefined {
  const value = ownKey(object, name);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

async function readSmallFile(path: string): Promise<string> {
  try {
    const text = await fs.readFile(path, 'utf8');
    if (text.length <= largestFile) return text;
  } catch (thrown) {
    throw failed(path, 'cannot be read', (thrown as NodeJS.ErrnoException).code);
  }
  throw failed(path, 'is too large for a credentials file');
}

function failed(title: string, what: string, reason?: string): KeymountError {
  return new KeymountError('login-denied', `${title} ${what}`, { reason });
}

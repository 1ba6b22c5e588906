import { STATUS_CODES } from 'node:http';
import type { Reply } from '../../net/request.ts';
import { isJsonObject, type JsonObject, ownKey, parseJson } from '../../util/json.ts';

/** Longest reason, in characters: the whole message must stay below 1 kB. */
const longest = 300;

/** The JSON object of a body; undefined if it is none. */
export function jsonObjectOf(body: Buffer): JsonObject | undefined {
  try {
    const value = parseJson(body.toString('utf8'));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The `status` of an error of an API: `NOT_FOUND`, `FAILED_PRECONDITION`. */
export function statusOf({ body }: Reply): string | undefined {
  const error = ownKey(jsonObjectOf(body) ?? {}, 'error');
  const status = isJsonObject(error) ? ownKey(error, 'status') : undefined;
  return typeof status === 'string' ? status : undefined;
}

/**
 * The server's own words: `403 Permission … denied`. Of an API it is `error.message`, of a token exchange `error` and
 * `error_description`; never the body as such. Tokens that they might echo are cut out.
 */
export function reasonOf(reply: Reply, secrets: readonly string[]): string {
  const text = wordsOf(reply) ?? STATUS_CODES[reply.status] ?? '';
  return `${reply.status} ${withoutSecrets(text, secrets).slice(0, longest)}`.trim();
}

function wordsOf({ body }: Reply): string | undefined {
  const object = jsonObjectOf(body) ?? {};
  const error = ownKey(object, 'error');
  if (isJsonObject(error)) {
    const message = ownKey(error, 'message');
    return typeof message === 'string' && message !== '' ? message : undefined;
  }
  if (typeof error !== 'string') return undefined;
  const description = ownKey(object, 'error_description');
  return typeof description === 'string' ? `${error}: ${description}` : error;
}

function withoutSecrets(text: string, secrets: readonly string[]): string {
  let safe = text;
  for (const secret of secrets) if (secret !== '') safe = safe.replaceAll(secret, '[secret]');
  return safe.replace(/\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?/g, '[secret]').replace(/\bya29\.[\w.-]{10,}/g, '[secret]');
}

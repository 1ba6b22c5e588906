import { STATUS_CODES } from 'node:http';
import type { Reply } from '../../net/request.ts';
import { isJsonObject, ownKey } from '../../util/json.ts';
import { jsonObjectOf } from './reply.ts';

/** Longest reason, in characters: the whole message must stay below 1 kB. */
const longest = 300;

/**
 * The server's own words: `403 permission denied`. Only the strings of `errors` are shown, never a body; tokens that they might
 * echo are cut out.
 */
export function reasonOf(reply: Reply, secrets: readonly string[]): string {
  const words = errorsOf(reply)
    .map(clean)
    .filter((text) => text !== '');
  const text = words.length === 0 ? (STATUS_CODES[reply.status] ?? '') : words.join('; ');
  return `${reply.status} ${withoutSecrets(text, secrets).slice(0, longest)}`.trim();
}

function errorsOf({ body }: Reply): string[] {
  const errors = ownKey(jsonObjectOf(body) ?? {}, 'errors');
  if (Array.isArray(errors)) return errors.filter((one) => typeof one === 'string');
  // OpenAPI-like proxies: {"errors": {"message": "…"}} says nothing that we know to be harmless.
  return typeof errors === 'string' && !isJsonObject(errors) ? [errors] : [];
}

/** Go's multierror, `1 error occurred:\n\t* permission denied\n\n`, as one line. */
function clean(text: string): string {
  return text
    .replace(/^\d+ errors? occurred:\s*/, '')
    .split(/\n\s*\*?\s*/)
    .map((line) => line.replace(/^\*\s*/, '').trim())
    .filter((line) => line !== '')
    .join('; ');
}

function withoutSecrets(text: string, secrets: readonly string[]): string {
  let safe = text;
  for (const secret of secrets) if (secret !== '') safe = safe.replaceAll(secret, '[secret]');
  return safe
    .replace(/\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?/g, '[secret]')
    .replace(/\b(?:hv[sbr]|[sbr])\.[\w-]{20,}/g, '[secret]');
}

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

/** `{"error": {"code", "message", "innererror": {"code"}}}` of Key Vault; its codes, outer and inner. */
export function codesOf(reply: Reply): string[] {
  const error = ownKey(jsonObjectOf(reply.body) ?? {}, 'error');
  if (!isJsonObject(error)) return [];
  const inner = ownKey(error, 'innererror');
  const codes = [ownKey(error, 'code'), isJsonObject(inner) ? ownKey(inner, 'code') : undefined];
  return codes.filter((code) => typeof code === 'string');
}

/** The server's own words: `403 Forbidden: Caller is not authorized …`. Never a body, and no token that they might echo. */
export function reasonOf(reply: Reply, secrets: readonly string[] = []): string {
  const words = wordsOf(jsonObjectOf(reply.body) ?? {}) || (STATUS_CODES[reply.status] ?? '');
  return `${reply.status} ${withoutSecrets(stable(words), secrets).slice(0, longest)}`.trim();
}

/** Of Key Vault, of Entra ID (RFC 6749, section 5.2), and of the metadata service, which speaks like the latter. */
function wordsOf(body: JsonObject): string {
  const error = ownKey(body, 'error');
  const [code, message] = isJsonObject(error)
    ? [ownKey(error, 'code'), ownKey(error, 'message')]
    : [error, ownKey(body, 'error_description')];
  const texts = [code, message].filter((each) => typeof each === 'string' && each !== '');
  return texts.join(': ');
}

/** What differs from request to request would make a new event of every repeat. */
function stable(text: string): string {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^(?:Trace ID|Correlation ID|Timestamp):/i.test(line))
    .join('; ')
    .replace(/\s*(?:Trace ID|Correlation ID): ?[0-9a-f-]{36}/gi, '')
    .replace(/\s*Timestamp: ?\d{4}-\d\d-\d\d[T ][\d:.]+Z?/gi, '');
}

function withoutSecrets(text: string, secrets: readonly string[]): string {
  let safe = text;
  for (const secret of secrets) if (secret !== '') safe = safe.replaceAll(secret, '[secret]');
  return safe.replace(/\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?/g, '[secret]');
}

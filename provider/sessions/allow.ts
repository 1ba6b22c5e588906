import type { AskedFor, Identity } from '../backends/backend.ts';
import type { AllowRule } from '../settings/settings.ts';

/**
 * Why rules refuse a read: no rule names pod and secret (`secret`), none of those that do names the method (`method`), or the
 * read has query parameters that no rule judges (`query`).
 */
export type Denial = 'secret' | 'method' | 'query';

/** What rules let through where they name no method: plain reads. */
const readOnly: readonly string[] = ['GET'];

/** What forbids a read; undefined: one rule matches in all that it names. An empty rule list lets nobody read anything. */
export function denialOf(rules: readonly AllowRule[], identity: Identity, asked: AskedFor): Denial | undefined {
  const matching = rules.filter(
    ({ namespaces = ['*'], serviceAccounts = ['*'], secrets = ['*'] }) =>
      matchesAny(namespaces, identity.namespace) &&
      matchesAny(serviceAccounts, identity.serviceAccount) &&
      matchesSecret(secrets, asked),
  );
  if (matching.length === 0) return 'secret';
  const method = sameMethod(asked.method);
  if (!matching.some(({ methods = readOnly }) => methods.some((each) => sameMethod(each) === method))) return 'method';
  return asked.query === undefined || asked.query.length === 0 ? undefined : 'query';
}

/** A pattern that names a version is compared with the name that has one: else a version's own name could match for the secret. */
function matchesSecret(patterns: readonly string[], { name, versionedName }: AskedFor): boolean {
  if (name === undefined) return false;
  return patterns.some((pattern) =>
    matchesAny([pattern], pattern.includes('/versions/') ? (versionedName ?? name) : name),
  );
}

/** To Vault and OpenBao both are an update: https://developer.hashicorp.com/vault/api-docs#http-verbs */
function sameMethod(method: string): string {
  return method === 'POST' ? 'PUT' : method;
}

function matchesAny(patterns: readonly string[], text: string): boolean {
  return text !== '' && patterns.some((pattern) => matches(pattern, text));
}

/** `*` stands for any run of characters. Linear in both: no backtracking that a name could drive. */
export function matches(pattern: string, text: string): boolean {
  const parts = pattern.split('*');
  const head = parts[0] ?? '';
  if (parts.length === 1) return text === pattern;
  const tail = parts.at(-1) ?? '';
  if (!text.startsWith(head) || text.length < head.length + tail.length || !text.endsWith(tail)) return false;
  let at = head.length;
  const end = text.length - tail.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at);
    if (found === -1 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

import type { Identity } from '../backends/backend.ts';
import type { AllowRule } from '../settings/settings.ts';

/** The secrets of `addresses` that no rule lets this identity read. An empty rule list lets nobody read anything. */
export function findDenied(rules: readonly AllowRule[], identity: Identity, addresses: readonly string[]): string[] {
  const matching = rules.filter(
    ({ namespaces = ['*'], serviceAccounts = ['*'] }) =>
      matchesAny(namespaces, identity.namespace) && matchesAny(serviceAccounts, identity.serviceAccount),
  );
  return addresses.filter((address) => !matching.some(({ secrets = ['*'] }) => matchesAny(secrets, address)));
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

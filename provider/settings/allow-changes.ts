import type { AllowRule, ConnectionSettings } from './settings.ts';

/**
 * What an admin's `allow` rules let through in version 0.1.0 and do not any more, each with the line that mends it; see
 * docs/upgrading.md. Rules that say `methods` are of today.
 */
export function allowChanges(connections: Readonly<Record<string, ConnectionSettings>>): string[] {
  return Object.entries(connections).flatMap(([name, { kind, allow }]) => {
    if (allow === undefined) return [];
    const where = `connections.${name}.allow`;
    return [...patternChanges(where, kind, allow), ...(isVault(kind) ? methodChange(where, allow) : [])];
  });
}

function methodChange(where: string, allow: readonly AllowRule[]): string[] {
  if (allow.length === 0 || allow.some(({ methods }) => methods !== undefined)) return [];
  return [
    `${where}: no rule names methods, so classes may read (GET) and no longer write, as pki/issue and transit want; add to each rule "methods: [GET, PUT]" if they may, else "methods: [GET]"`,
  ];
}

function patternChanges(where: string, kind: string, allow: readonly AllowRule[]): string[] {
  const patterns = allow.flatMap(({ secrets = [] }, rule) =>
    secrets.map((text, index) => ({ text, at: `${where}[${rule}].secrets[${index}]` })),
  );
  return patterns.flatMap(({ text, at }) => {
    const today = isVault(kind) ? vaultPattern(text) : kind === 'file' ? text : withoutQuery(text);
    if (today === text) return [];
    return [
      `${at}: a pattern is compared with the name of the secret, decoded and without its query; write ${JSON.stringify(today)}`,
    ];
  });
}

function isVault(kind: string): boolean {
  return kind === 'vault' || kind === 'openbao';
}

/** A path as the CLI writes it has no query and no escapes; slashes at its ends do not count. */
function vaultPattern(text: string): string {
  return text.startsWith('/v1/') ? decoded(withoutQuery(text)) : text.replace(/^\/|\/$/g, '');
}

function withoutQuery(pattern: string): string {
  return pattern.split('?', 1)[0] ?? '';
}

function decoded(pattern: string): string {
  try {
    return decodeURIComponent(pattern);
  } catch {
    return pattern;
  }
}

import { isIPv6 } from 'node:net';
import { type Address, defaultPorts, parseAddress } from './address.ts';

/** How an address is allowed: by its very name, or by a pattern with `*`. */
export type Match = 'exact' | 'pattern';

/** An entry of `allowedAddresses`: an address, in whose host `*` stands for (a part of) one DNS label. */
export type AddressPattern = (address: Address) => Match | undefined;

const shape = /^(https?):\/\/([^/:@?#[\]\\\s]+)(?::(\d{1,5}))?((?:\/[^?#\s\\]*)?)$/i;

/**
 * `https://*.vault.example:8200`. Scheme, port and path must be equal, the host has as many labels as the pattern, and `*` stands
 * for one or more characters of one label: it crosses neither a dot nor a colon. At most one `*` a label.
 */
export function parseAddressPattern(text: string): { pattern: AddressPattern } | { problem: string } {
  if (!text.includes('*')) {
    const parsed = parseAddress(text);
    if ('problem' in parsed) return parsed;
    const wanted = parsed.address.text;
    return { pattern: (address) => (address.text === wanted ? 'exact' : undefined) };
  }
  const parts = shape.exec(text);
  if (parts === null) return { problem: "may have '*' in its host only, as https://*.vault.example:8200" };
  const [, scheme = '', host = '', port, path = ''] = parts;
  const labels = host.toLowerCase().replace(/\.$/, '').split('.');
  if (labels.some((label) => label === '' || label.split('*').length > 2 || !/^[a-z0-9*_-]+$/.test(label))) {
    return { problem: "must have at most one '*' in each label of its host" };
  }
  const wantedScheme = scheme.toLowerCase() === 'https' ? 'https' : 'http';
  const wantedPort = port === undefined ? defaultPorts[wantedScheme] : Number(port);
  const prefix = path.replace(/\/+$/, '');
  if (prefix.includes('*')) return { problem: "may have '*' in its host only, as https://*.vault.example:8200" };
  return {
    pattern: (address) =>
      address.scheme === wantedScheme &&
      address.port === wantedPort &&
      address.prefix === prefix &&
      !isIPv6(address.host) &&
      labelsMatch(labels, address.host.split('.'))
        ? 'pattern'
        : undefined,
  };
}

/** The strongest match of an address in a list. */
export function matchAddress(patterns: readonly AddressPattern[], address: Address): Match | undefined {
  let best: Match | undefined;
  for (const pattern of patterns) {
    const match = pattern(address);
    if (match === 'exact') return match;
    best ??= match;
  }
  return best;
}

function labelsMatch(pattern: readonly string[], labels: readonly string[]): boolean {
  return pattern.length === labels.length && pattern.every((part, index) => labelMatches(part, labels[index] ?? ''));
}

function labelMatches(pattern: string, label: string): boolean {
  const [before = '', after] = pattern.split('*');
  if (after === undefined) return pattern === label;
  return label.length > before.length + after.length && label.startsWith(before) && label.endsWith(after);
}

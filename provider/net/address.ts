import { isIPv6 } from 'node:net';

/** Where a backend listens, in one canonical spelling. */
export interface Address {
  readonly scheme: 'http' | 'https' | 'unix';
  /** Lower case, without a final dot; IPv6 without brackets; empty for a unix socket. */
  readonly host: string;
  /** 0 for a unix socket. */
  readonly port: number;
  /** What every request path begins with: empty, or `/vault`. */
  readonly prefix: string;
  readonly socketPath: string | undefined;
  /** The canonical spelling: equal addresses have equal text. The port is left out where it is the scheme's default. */
  readonly text: string;
}

export const defaultPorts = { http: 80, https: 443 } as const;

/** Longest path that a unix socket address can hold on Linux, without the final NUL. */
const longestSocketPath = 107;

/**
 * `https://vault.example:8200`, `http://[::1]:8200/prefix` or `unix:///run/agent.sock`. User names, queries and fragments are
 * refused; the problem never quotes the text, which may hold a password.
 */
export function parseAddress(text: string): { address: Address } | { problem: string } {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (/[\u0000-\u0020\u007f\\]/.test(text)) {
    return { problem: 'must not contain spaces, control characters or backslashes' };
  }
  if (/^unix:\/\//i.test(text)) return parseSocket(text.slice('unix://'.length));
  if (!/^https?:\/\//i.test(text)) return { problem: 'must begin with https://, http:// or unix://' };
  if (!URL.canParse(text)) return { problem: 'is not a valid URL' };
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') return { problem: 'must not contain a user name or password' };
  if (url.search !== '' || url.hash !== '' || /[?#]/.test(text)) {
    return { problem: 'must not contain a query or a fragment' };
  }
  // The URL parser resolves dot segments silently.
  if (/(?:\/|%2f)(?:\.|%2e){1,2}(?:\/|%2f|$)/i.test(text)) return { problem: "must not contain '.' or '..'" };
  const scheme = url.protocol === 'https:' ? 'https' : 'http';
  const port = url.port === '' ? defaultPorts[scheme] : Number(url.port);
  const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  if (host === '') return { problem: 'has no host' };
  // The URL parser leaves an IP address with two final dots as it is, and takes it for a name.
  if (host.endsWith('.')) return { problem: 'is not a valid URL' };
  const prefix = url.pathname.replace(/\/+$/, '');
  return {
    address: { scheme, host, port, prefix, socketPath: undefined, text: hostText(scheme, host, port) + prefix },
  };
}

/** `vault.example:8200`, with the port always, as messages name it. */
export function hostPort({ scheme, host, port, socketPath }: Address): string {
  if (scheme === 'unix') return socketPath ?? '';
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`;
}

export function sameOrigin(a: Address, b: Address): boolean {
  return a.scheme === b.scheme && a.host === b.host && a.port === b.port && a.socketPath === b.socketPath;
}

function parseSocket(path: string): { address: Address } | { problem: string } {
  if (!path.startsWith('/')) return { problem: 'must name the socket by an absolute path, as unix:///run/agent.sock' };
  if (path.split('/').includes('..')) return { problem: "must not contain '..'" };
  if (Buffer.byteLength(path) > longestSocketPath) return { problem: 'names a socket path that is too long' };
  const socketPath = path.replace(/\/+/g, '/');
  return { address: { scheme: 'unix', host: '', port: 0, prefix: '', socketPath, text: `unix://${socketPath}` } };
}

function hostText(scheme: 'http' | 'https', host: string, port: number): string {
  const name = isIPv6(host) ? `[${host}]` : host;
  return port === defaultPorts[scheme] ? `${scheme}://${name}` : `${scheme}://${name}:${port}`;
}

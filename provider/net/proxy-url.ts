/** A proxy, as its URL says it. */
export interface ProxyServer {
  readonly kind: 'http' | 'https' | 'socks5';
  /** IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  readonly user: string | undefined;
  readonly password: string | undefined;
}

/** Of Go's net/http (`portMap` in transport.go). Both spellings of SOCKS leave names to the proxy, there as here. */
const schemes: Readonly<Record<string, { readonly kind: ProxyServer['kind']; readonly port: number }>> = {
  'http:': { kind: 'http', port: 80 },
  'https:': { kind: 'https', port: 443 },
  'socks5:': { kind: 'socks5', port: 1080 },
  'socks5h:': { kind: 'socks5', port: 1080 },
};

/** `http://user:password@squid:3128`, `https://`, `socks5://` or `socks5h://`. Undefined for what is none of these. */
export function parseProxy(text: string): ProxyServer | undefined {
  const url = URL.parse(text);
  const scheme = url === null || !Object.hasOwn(schemes, url.protocol) ? undefined : schemes[url.protocol];
  if (url === null || scheme === undefined || url.hostname === '') return undefined;
  const user = decoded(url.username);
  const password = decoded(url.password);
  return {
    kind: scheme.kind,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? scheme.port : Number(url.port),
    user: user === '' ? undefined : user,
    password: password === '' ? undefined : password,
  };
}

/** Its URL with everything encoded as parsers of URLs expect it: Node's throws at a bare `%`. */
export function proxyUrlOf({ kind, host, port, user = '', password = '' }: ProxyServer): string {
  const login = user === '' && password === '' ? '' : `${encodeURIComponent(user)}:${encodeURIComponent(password)}@`;
  return `${kind}://${login}${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** The text itself where it is no percent-encoding: a password may have a bare `%`. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

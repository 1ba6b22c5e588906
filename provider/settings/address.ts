/** Host and port to listen on. An absent host means every address. */
export interface ListenAddress {
  readonly host: string | undefined;
  readonly port: number;
}

/** `host:port`, `[v6]:port` or `:port`; undefined if the text is none of these. Port 0 lets the system choose. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9.-]{0,253})):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const port = Number(match[3]);
  if (port > 65_535) return undefined;
  const host = match[1] ?? match[2];
  return { host: host === '' ? undefined : host, port };
}

export function isListenAddress(text: string): boolean {
  return parseListenAddress(text) !== undefined;
}

/** The address of a Vault or OpenBao server: `https://`, `http://` (a path before `/v1` is allowed) or `unix:///path`. */
export function isServerAddress(text: string): boolean {
  if (text.startsWith('unix://')) return isUnixAddress(text);
  const url = httpUrl(text);
  return url !== undefined && url.username === '' && url.password === '' && !/[?#]/.test(text);
}

/** As a server address without a path, but labels of the host may be `*`. */
export function isAddressPattern(text: string): boolean {
  if (text.startsWith('unix://')) return isUnixAddress(text) && !text.includes('*');
  const match = /^https?:\/\/([^/:@?#[\]\s]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::(\d{1,5}))?\/?$/.exec(text);
  if (match === null || Number(match[2] ?? 443) > 65_535) return false;
  const [, host = ''] = match;
  if (host.startsWith('[')) return true;
  return host.split('.').every((label) => label === '*' || /^[A-Za-z0-9_-]{1,63}$/.test(label));
}

/** The URL of a proxy that we speak to, without a path; a user and password may be in it. The schemes are those of Go's net/http. */
export function isProxyUrl(text: string): boolean {
  const url = urlOf(text, /^(?:https?|socks5h?):\/\//);
  return url !== undefined && (url.pathname === '/' || url.pathname === '') && url.search === '' && url.hash === '';
}

/** An AWS region. One DNS label, for it becomes part of a host name. */
export function isAwsRegion(text: string): boolean {
  return /^[a-z]{2,8}(?:-[a-z0-9]{1,20}){1,4}$/.test(text);
}

function isUnixAddress(text: string): boolean {
  return /^unix:\/\/\/[^?#\s]+$/.test(text);
}

function httpUrl(text: string): URL | undefined {
  return urlOf(text, /^https?:\/\//);
}

function urlOf(text: string, scheme: RegExp): URL | undefined {
  if (/\s/.test(text) || !scheme.test(text)) return undefined;
  const url = URL.parse(text);
  return url === null || url.hostname === '' ? undefined : url;
}

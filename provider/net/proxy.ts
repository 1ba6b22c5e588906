import { BlockList, isIP } from 'node:net';
import type { Settings } from '../settings/settings.ts';
import type { Address } from './address.ts';

/** The proxies of the process, as the settings give them. */
export type ProxySettings = Settings['proxy'];

/**
 * The proxy for an address by the rules of Go's golang.org/x/net/http/httpproxy, which the Go providers follow: by the scheme of
 * the address, none for localhost and loopback addresses, none for what the no-proxy list names. A list entry is `*`, a CIDR, an
 * IP address, `example.com` (and its subdomains), `.example.com` (subdomains only) or `*.example.com` (the same), each but a
 * CIDR with or without a port.
 */
export function proxyFor(address: Address, { https, http, no }: ProxySettings): string | undefined {
  if (address.scheme === 'unix') return undefined;
  const proxy = address.scheme === 'https' ? https : http;
  return proxy === undefined || proxy === '' || isDirect(address, no) ? undefined : proxy;
}

/** `squid:3128`, without the user and password that a proxy's URL may have. */
export function proxyName(proxy: string): string {
  const url = URL.parse(proxy);
  return url === null ? 'the proxy' : `the proxy ${url.host}`;
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

function isDirect({ host, port }: Address, no: readonly string[]): boolean {
  if (host === 'localhost' || (isIP(host) !== 0 && contains(loopback, host))) return true;
  return no.some((entry) => covers(entry.trim().toLowerCase(), host, port));
}

function covers(entry: string, host: string, port: number): boolean {
  if (entry === '') return false;
  if (entry === '*') return true;
  if (entry.includes('/')) return inNetwork(entry, host);
  const { name, onlyPort } = splitPort(entry);
  if (onlyPort !== undefined && onlyPort !== port) return false;
  if (isIP(name) !== 0 || isIP(host) !== 0) {
    return isIP(name) !== 0 && isIP(host) !== 0 && contains(single(name), host);
  }
  const domain = name.replace(/^\*\./, '.');
  return domain.startsWith('.') ? host.endsWith(domain) : host === domain || host.endsWith(`.${domain}`);
}

function splitPort(entry: string): { name: string; onlyPort: number | undefined } {
  const parts = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(entry);
  if (parts === null) return { name: entry, onlyPort: undefined };
  const [, bracketed, plain = '', port] = parts;
  return { name: bracketed ?? plain, onlyPort: port === undefined ? undefined : Number(port) };
}

function inNetwork(cidr: string, host: string): boolean {
  const [net = '', bits = ''] = cidr.split('/');
  const family = isIP(net);
  if (family === 0 || isIP(host) === 0 || !/^\d{1,3}$/.test(bits) || Number(bits) > (family === 4 ? 32 : 128))
    return false;
  const list = new BlockList();
  list.addSubnet(net, Number(bits), family === 4 ? 'ipv4' : 'ipv6');
  return contains(list, host);
}

function single(ip: string): BlockList {
  const list = new BlockList();
  list.addAddress(ip, isIP(ip) === 4 ? 'ipv4' : 'ipv6');
  return list;
}

function contains(list: BlockList, ip: string): boolean {
  return list.check(ip, isIP(ip) === 4 ? 'ipv4' : 'ipv6');
}

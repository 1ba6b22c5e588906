import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { BlockList, isIP, isIPv6, type LookupFunction } from 'node:net';
import { KeymountError } from '../errors.ts';

/**
 * Networks that no class may choose to talk to: link-local with the clouds' metadata services and node agents, "this host",
 * multicast and reserved. Loopback is not among them: inside the pod it is the pod itself.
 */
const forbidden = new BlockList();
for (const [net, prefix] of [
  ['0.0.0.0', 8],
  ['169.254.0.0', 16],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  ['168.63.129.16', 32], // Azure's wire server
  ['100.100.100.200', 32], // Alibaba Cloud metadata
  ['192.0.0.192', 32], // Oracle Cloud metadata
] as const) {
  forbidden.addSubnet(net, prefix, 'ipv4');
}
for (const [net, prefix] of [
  ['::', 128],
  ['fe80::', 10],
  ['ff00::', 8],
  ['fd00:ec2::', 32], // EC2 metadata, EKS Pod Identity agent
  ['fd20:ce::', 32], // Google Cloud metadata
] as const) {
  forbidden.addSubnet(net, prefix, 'ipv6');
}

/** Is it an address that a class must not reach? Also in its IPv4-mapped, NAT64 and 6to4 spellings. False for names. */
export function isForbiddenIp(ip: string): boolean {
  const plain = ip.replace(/%.*$/, '');
  if (isIP(plain) === 0) return false;
  if (!isIPv6(plain)) return forbidden.check(plain, 'ipv4');
  if (forbidden.check(plain, 'ipv6')) return true;
  const inner = embeddedIpv4(plain);
  return inner !== undefined && forbidden.check(inner, 'ipv4');
}

/**
 * A `lookup` for sockets that refuses a name as soon as one of its addresses is forbidden. It runs when the connection is made,
 * so a name cannot pass a check and then point elsewhere.
 */
export function guardedLookup(lookup: typeof systemLookup = systemLookup): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      const addresses: LookupAddress[] = found ?? [];
      if (error !== null) {
        callback(error, [], 0);
        return;
      }
      const [first] = addresses;
      const bad = addresses.find(({ address }) => isForbiddenIp(address));
      if (bad !== undefined) callback(refusal(hostname, bad.address), [], 0);
      else if (options.all || first === undefined) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}

function refusal(hostname: string, ip: string): KeymountError {
  return new KeymountError('address-not-allowed', `${hostname} resolves to ${ip}, which a class must not reach`, {
    hint: 'link-local and metadata addresses are only for connections of the admin',
  });
}

/** The IPv4 address inside `::ffff:0:0/96`, `::/96`, `64:ff9b::/96` (NAT64) and `2002::/16` (6to4). */
function embeddedIpv4(ip: string): string | undefined {
  const words = expand(ip);
  const zeros = (from: number, to: number) => words.slice(from, to).every((word) => word === 0);
  const [first = 0, second = 0, third = 0] = words;
  const pair = (at: number) => dotted(words[at] ?? 0, words[at + 1] ?? 0);
  if (first === 0x2002) return dotted(second, third);
  if (first === 0x64 && second === 0xff9b && zeros(2, 6)) return pair(6);
  if (zeros(0, 5) && words[5] === 0xffff) return pair(6);
  // `::1` is no IPv4 address.
  if (zeros(0, 6) && words[6] !== 0) return pair(6);
  return undefined;
}

function dotted(high: number, low: number): string {
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** The eight words of a valid IPv6 address. The URL parser writes a dotted tail as words. */
function expand(ip: string): number[] {
  const [head = '', tail] = new URL(`http://[${ip}]`).hostname.slice(1, -1).split('::');
  const words = (text: string) => (text === '' ? [] : text.split(':').map((word) => Number.parseInt(word, 16)));
  if (tail === undefined) return words(head);
  const [before, after] = [words(head), words(tail)];
  return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
}

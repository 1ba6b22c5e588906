import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { BlockList, isIP, isIPv6, type LookupFunction } from 'node:net';
import { KeymountError } from '../errors.ts';
import { embeddedIpv4 } from './embedded-ipv4.ts';

/**
 * Networks that no class may choose to talk to: link-local with the clouds' metadata services and node agents, "this host" (to which
 * Linux connects as to loopback, so that an address of it is only a disguise), multicast and reserved. Loopback is not among them:
 * inside the pod it is the pod itself.
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
  ['fd00:c1::a9fe:a9fe', 128], // Oracle Cloud metadata
  ['fd00:42::42', 128], // Scaleway metadata
  ['fd00:a9fe:a9fe::1', 128], // Akamai (Linode) metadata
] as const) {
  forbidden.addSubnet(net, prefix, 'ipv6');
}

/** Is it an address that a class must not reach? Also in the IPv6 spellings that lead to an IPv4 address. False for names. */
export function isForbiddenIp(ip: string): boolean {
  const plain = ip.replace(/%.*$/, '');
  if (isIP(plain) === 0) return false;
  if (!isIPv6(plain)) return forbidden.check(plain, 'ipv4');
  if (forbidden.check(plain, 'ipv6')) return true;
  return embeddedIpv4(plain).some((inner) => forbidden.check(inner, 'ipv4'));
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

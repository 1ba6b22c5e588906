import { KeymountError } from '../../errors.ts';
import { type Address, defaultPorts, parseAddress, sameOrigin } from '../../net/address.ts';
import { matchAddress } from '../../net/address-pattern.ts';
import type { Reply } from '../../net/request.ts';
import type { VaultConnection } from './connection.ts';

/** Those that ask for the same request elsewhere. */
const redirects: readonly number[] = [301, 302, 307, 308];

export function isRedirect({ status }: Reply): boolean {
  return redirects.includes(status);
}

/**
 * Where a redirect leads. The request is repeated there as it was, with the pod's token: so it must be the same server. Throws
 * `backend-redirect`.
 */
export function redirectTarget(
  { address, alsoAt }: Pick<VaultConnection, 'address' | 'alsoAt'>,
  uri: string,
  { headers: { location = '' } }: Pick<Reply, 'headers'>,
): { address: Address; path: string } {
  const connection = { address };
  const base = address.scheme === 'unix' ? 'http://localhost' : address.text;
  const url = URL.parse(location, base + uri);
  if (location === '' || url === null) throw refusedRedirect(connection, 'it redirects to nowhere');
  const path = url.pathname + url.search;
  if (address.scheme === 'unix' && url.origin === base) return { address, path };
  const parsed = parseAddress(url.origin);
  if ('problem' in parsed) throw refusedRedirect(connection, 'it redirects to something that is no HTTP server');
  const target = parsed.address;
  if (sameOrigin(target, address)) return { address: bare(address), path };
  if (address.scheme === 'https' && target.scheme !== 'https') {
    throw refusedRedirect(connection, `it redirects from https to plain http (${target.text})`);
  }
  if (isUpgrade(address, target) || matchAddress(alsoAt, target) !== undefined) return { address: target, path };
  throw refusedRedirect(
    connection,
    `it redirects to another host (${target.text})`,
    `list it in allowedAddresses if it is the same server`,
  );
}

/** From http to https on the same host, as a server does that has both. */
function isUpgrade(from: Address, to: Address): boolean {
  const usual = from.port === defaultPorts.http && to.port === defaultPorts.https;
  return from.scheme === 'http' && to.scheme === 'https' && from.host === to.host && (from.port === to.port || usual);
}

/** A Location has the whole path, prefix included. */
function bare(address: Address): Address {
  return address.prefix === '' ? address : { ...address, prefix: '' };
}

export function refusedRedirect(
  { address }: { readonly address: Address },
  reason: string,
  hint?: string,
): KeymountError {
  return new KeymountError('backend-redirect', `will not follow the redirect of ${address.text}`, { reason, hint });
}

import type { Address } from '../../net/address.ts';
import type { Reply } from '../../net/request.ts';

/**
 * What a vault says that tokens must be for: `WWW-Authenticate: Bearer authorization="https://login…/<tenant>",
 * resource="https://vault.azure.net"`. On Azure Stack the resource is known from there only. A resource that is not of the vault's
 * own domain would be a token for somebody else; it counts as none.
 * https://learn.microsoft.com/azure/key-vault/general/authentication-requests-and-responses
 */
export function resourceOf({ status, headers }: Reply, vault: Address): string | undefined {
  const challenge = headers['www-authenticate'];
  if (status !== 401 || challenge === undefined || !/^Bearer\s/i.test(challenge)) return undefined;
  const named = /\b(?:resource|scope)="([^"]{1,500})"/.exec(challenge)?.[1]?.replace(/\/\.default$/, '');
  const url = named === undefined ? null : URL.parse(named);
  if (named === undefined || url === null || url.protocol !== 'https:') return undefined;
  if (!url.hostname.includes('.')) return undefined;
  return vault.host === url.hostname || vault.host.endsWith(`.${url.hostname}`) ? named.replace(/\/+$/, '') : undefined;
}

import { KeymountError } from '../../errors.ts';
import type { Address } from '../../net/address.ts';
import { type Authority, type Who, whoText } from './authority.ts';
import { readToken } from './entra.ts';
import { explainServer } from './explain.ts';
import { reasonOf } from './reason.ts';
import type { Transport } from './transport.ts';

/**
 * A token of the node's identity:
 * https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token. Throws `login-denied`,
 * `login-failed` and what stops any request.
 */
export async function requestManagedToken(
  endpoint: Address,
  resource: string,
  who: Who,
  send: Transport,
  now: () => number,
  signal: AbortSignal,
): Promise<Authority> {
  const query = new URLSearchParams({ 'api-version': '2018-02-01', resource });
  if (who.clientId !== undefined) query.set('client_id', who.clientId);
  const message = {
    method: 'GET',
    path: `/metadata/identity/oauth2/token?${query}`,
    headers: { Metadata: 'true', 'User-Agent': 'keymount' },
  };
  const started = now();
  const reply = await send({ address: endpoint, call: 'login', near: true }, message, signal);
  if (reply.status === 200) return readToken(reply, who, started);
  const reason = reasonOf(reply);
  const doing = `logging in as ${whoText(who)}`;
  throw (
    explainServer(reply, endpoint.text, doing, reason, started) ??
    new KeymountError('login-denied', `${doing} was refused`, {
      reason,
      hint: 'check that the identity is assigned to the virtual machines of this node pool',
    })
  );
}

import type { Reply } from '../../net/request.ts';
import type { JsonValue } from '../../util/json.ts';
import type { Transport, Tries } from './transport.ts';

/** node-vault on our transport, for one connection. */
export interface VaultClient {
  /** The whole reply, whatever its status. Throws what the transport throws. */
  readonly send: (call: VaultCall, signal: AbortSignal) => Promise<Reply>;
}

export interface VaultCall {
  readonly method: string;
  /** A path below `/v1/`, percent-encoded, with its query. */
  readonly target: string;
  /** The body. */
  readonly args?: JsonValue | undefined;
  /** Absent for logins. */
  readonly token?: string;
  /** Counts its tries. */
  readonly tries?: Tries;
  /** As of VaultRequest. */
  readonly mayIssue?: boolean;
}

/** node-vault is loaded at the first use: it costs a quarter of a second. */
export async function createVaultClient(transport: Transport, namespace: string | undefined): Promise<VaultClient> {
  const { default: nodeVault } = await import('node-vault');
  const client = nodeVault({
    'request-promise': { defaults: () => transport },
    // Its own debug output prints what is written.
    debug: () => {},
  });
  // It falls back to VAULT_ADDR, VAULT_TOKEN, VAULT_NAMESPACE and VAULT_PREFIX of the environment; here only what we say counts.
  // The token goes with each call, so that sessions can share the client and none sees another's.
  Object.assign(client, { endpoint: '', pathPrefix: '', token: '', namespace: namespace ?? '' });
  // Its own reading of a reply keeps one error of several and takes 202 for a failure.
  client.handleVaultResponse = (reply: unknown) => Promise.resolve(reply);
  return {
    async send({ method, target, args, token, tries, mayIssue }, signal) {
      return (await client.request({
        method,
        path: `/${target}`,
        signal,
        ...(args === undefined ? {} : { json: args }),
        ...(token === undefined ? {} : { headers: { 'X-Vault-Token': token } }),
        ...(tries === undefined ? {} : { tries }),
        ...(mayIssue ? { mayIssue } : {}),
      })) as Reply;
    },
  };
}

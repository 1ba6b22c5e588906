import { createPools, type Pools } from '../../net/pools.ts';
import type { Backend, BackendDeps } from '../backend.ts';
import { createVaultClient, type VaultClient } from './client.ts';
import { type VaultConnection, vaultConnectionSchema } from './connection.ts';
import { inlineConnection } from './inline.ts';
import { logIn } from './login.ts';
import { parseVaultRef, type VaultRef } from './ref.ts';
import { createVaultSession } from './session.ts';
import { createTransport } from './transport.ts';

/** HashiCorp Vault and OpenBao. The kinds differ in the default audience of the pod's token alone. See docs/vault.md. */
export function createVaultBackend(kind: 'vault' | 'openbao'): Backend<VaultConnection, VaultRef> {
  // One client and its kept connections for each connection, and one set of connections for each address.
  const clients = new WeakMap<VaultConnection, Promise<VaultClient>>();
  let pools: Pools | undefined;

  function clientOf(connection: VaultConnection, deps: BackendDeps): Promise<VaultClient> {
    pools ??= createPools(deps.clock, deps.proxy);
    const known = clients.get(connection);
    if (known !== undefined) return known;
    const client = createVaultClient(createTransport(connection, pools, deps), connection.namespace);
    clients.set(connection, client);
    return client;
  }

  return {
    kind,
    connectionSchema: vaultConnectionSchema(kind),
    inlineConnection,
    // The name of a jwt login's alias is any claim; a drop-in class does not say which of the two its mount is.
    scopeOf: ({ auth }) => (auth.method === 'kubernetes' ? 'serviceAccount' : 'pod'),
    identityOf: ({ auth }) => (auth.method === 'cert' || auth.method === 'token-file' ? 'admin' : 'pod'),
    parseRef: parseVaultRef,
    async connect(connection, login, deps, signal) {
      const client = await clientOf(connection, deps);
      const authority = await logIn(connection, login, client, deps, signal);
      return createVaultSession(connection, client, authority, deps);
    },
  };
}

export const vaultBackend = createVaultBackend('vault');
export const openbaoBackend = createVaultBackend('openbao');

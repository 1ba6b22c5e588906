import type { Pool } from '../../net/pool.ts';
import { createPools, type Pools } from '../../net/pools.ts';
import type { Backend, BackendDeps } from '../backend.ts';
import { askedOfVault } from './asked-for.ts';
import { createVaultClient } from './client.ts';
import { type VaultConnection, vaultConnectionSchema } from './connection.ts';
import { refuseForeignToken } from './foreign-token.ts';
import { inlineConnection } from './inline.ts';
import { logIn } from './login.ts';
import { Mounts } from './mounts.ts';
import type { VaultLine } from './reader.ts';
import { parseVaultRef, type VaultRef } from './ref.ts';
import { secretIdsOf } from './secret-ids.ts';
import { createVaultSession } from './session.ts';
import { authorityFrom } from './tenure.ts';
import { createTransport } from './transport.ts';

/** HashiCorp Vault and OpenBao. The kinds differ in the default audience of the pod's token alone. See docs/vault.md. */
export function createVaultBackend(kind: 'vault' | 'openbao'): Backend<VaultConnection, VaultRef> {
  // One client and its kept connections for each connection, and one set of connections for each address.
  const lines = new WeakMap<VaultConnection, Promise<VaultLine>>();
  let pools: Pools | undefined;

  async function openLine(connection: VaultConnection, deps: BackendDeps): Promise<VaultLine> {
    pools ??= createPools({ clock: deps.clock, random: deps.random, proxies: deps.proxy, trust: deps.trust });
    const client = await createVaultClient(createTransport(connection, pools, deps), connection.namespace);
    const ask = (target: string, token: string, signal: AbortSignal) =>
      client.send({ method: 'GET', target, token }, signal);
    return { client, mounts: new Mounts(ask, deps.clock.now) };
  }

  function lineOf(connection: VaultConnection, deps: BackendDeps): Promise<VaultLine> {
    const known = lines.get(connection);
    if (known !== undefined) return known;
    const line = openLine(connection, deps);
    lines.set(connection, line);
    return line;
  }

  return {
    kind,
    connectionSchema: vaultConnectionSchema(kind),
    inlineConnection,
    // A drop-in class does not say whether its mount is of the kubernetes or the jwt method: the login's reply does.
    scopeOf: ({ auth }) => (auth.method === 'kubernetes' || auth.method === 'pod' ? 'serviceAccount' : 'pod'),
    identityOf: ({ auth }) => (auth.method === 'cert' || auth.method === 'token-file' ? 'admin' : 'pod'),
    lines: () => (pools?.list() ?? []).map(({ address, pool }) => ({ address, ...pool.breaker(), ...loadOf(pool) })),
    titleOf: ({ address }) => address.text,
    isChosenByClass: ({ chosenByClass }) => chosenByClass !== undefined,
    refuseToken: refuseForeignToken,
    parseRef: parseVaultRef,
    requestOf: askedOfVault,
    async connect(connection, login, deps, signal) {
      const line = await lineOf(connection, deps);
      const authority = await logIn(connection, login, line.client, deps, signal);
      return createVaultSession(connection, line, authority, deps);
    },
    async resume(connection, state, deps) {
      return createVaultSession(connection, await lineOf(connection, deps), authorityFrom(state), deps);
    },
    forgetPod: (podUid, deps) => secretIdsOf(deps).forgetPod(podUid),
  };
}

function loadOf({ load }: Pool) {
  return { inFlight: load.held, waiting: load.waiting };
}

export const vaultBackend = createVaultBackend('vault');
export const openbaoBackend = createVaultBackend('openbao');

import { LRUCache } from 'lru-cache';
import { KeymountError } from '../../errors.ts';
import { type Address, parseAddress } from '../../net/address.ts';
import type { Pool } from '../../net/pool.ts';
import type { Backend, BackendDeps } from '../backend.ts';
import type { Cloud } from './clouds.ts';
import { type AzureConnection, azureConnectionSchema } from './connection.ts';
import { TokenProxies } from './identity-binding.ts';
import { inlineConnection } from './inline.ts';
import { audienceOf, prepareLogin } from './login.ts';
import { type AzureRef, askedOfAzure, parseAzureRef } from './ref.ts';
import { openSession } from './session.ts';
import { Tokens } from './tokens.ts';
import { Lines } from './transport.ts';

/** Azure Key Vault: secrets, keys and certificates. See docs/azure.md. */
export function createAzureBackend(): Backend<AzureConnection, AzureRef> {
  let shared: { lines: Lines; tokens: Tokens; proxies: TokenProxies; resources: LRUCache<string, string> } | undefined;

  function partsOf(deps: BackendDeps) {
    shared ??= {
      lines: new Lines(deps),
      tokens: new Tokens(deps.clock),
      proxies: new TokenProxies(deps.clock, deps.trust),
      resources: new LRUCache({ max: 1_000 }),
    };
    return shared;
  }

  return {
    kind: 'azure-keyvault',
    connectionSchema: azureConnectionSchema,
    inlineConnection,
    // Entra ID knows the ServiceAccount: its token is the same from every pod.
    scopeOf: ({ auth }) =>
      auth.method === 'managed-identity' || auth.method === 'service-principal' ? 'pod' : 'serviceAccount',
    identityOf: ({ auth, allow }) => {
      if (auth.method !== 'managed-identity') return 'pod';
      // An identity that is lent to everybody needs no proof of who asks.
      const everybody = allow?.some(({ namespaces, serviceAccounts }) =>
        [namespaces, serviceAccounts].every((names) => names?.includes('*')),
      );
      return everybody ? 'driver' : 'admin';
    },
    allowOf: ({ allow }) => allow,
    allowSetting: 'dropIn.azure.managedIdentity',
    tokenAudience: async ({ auth }) => audienceOf(auth),
    onlySentTokens: ({ tokenRequest }) => !tokenRequest,
    lines: () =>
      (shared?.lines.list() ?? []).map(({ address, pool }) => ({ address, ...pool.breaker(), ...loadOf(pool) })),
    parseRef: parseAzureRef,
    requestOf: askedOfAzure,
    async connect(connection, login, deps, signal) {
      const { lines, tokens, proxies, resources } = partsOf(deps);
      const send = lines.transportOf(connection);
      const loggedIn = await prepareLogin(connection, login, { send, tokens, proxies, deps }, signal);
      const vault = vaultOf(connection, loggedIn.cloud);
      return await openSession(connection, { send, deps, vault, loggedIn, resources }, signal);
    },
  };
}

function vaultOf({ vault }: AzureConnection, { vaultSuffix }: Cloud): Address {
  if (typeof vault !== 'string') return vault;
  const parsed = parseAddress(`https://${vault.toLowerCase()}.${vaultSuffix}`);
  if ('address' in parsed) return parsed.address;
  throw new KeymountError('class-invalid', `the address of the vault ${parsed.problem}`);
}

function loadOf({ load }: Pool) {
  return { inFlight: load.held, waiting: load.waiting };
}

export const azureBackend = createAzureBackend();

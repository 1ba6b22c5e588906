import { createPools, type Pools } from '../../net/pools.ts';
import type { Backend, BackendDeps } from '../backend.ts';
import { type GcpConnection, gcpConnectionSchema } from './connection.ts';
import { inlineConnection } from './inline.ts';
import { createLine } from './line.ts';
import { type LoginParts, logIn } from './login.ts';
import { askedOfGcp, type GcpRef, parseGcpRef, type Service } from './ref.ts';
import { createGcpSession } from './session.ts';
import { WorkloadPools } from './workload-pool.ts';

/**
 * Google Cloud's Secret Manager and Parameter Manager. Either kind reads both by their full names; they differ in what an id
 * alone names. See docs/gcp.md.
 */
export function createGcpBackend(service: Service): Backend<GcpConnection, GcpRef> {
  // Kept connections and what is known of the cluster, for each connection; one set of connections for each host.
  const lines = new WeakMap<GcpConnection, LoginParts>();
  let pools: { readonly apis: Pools; readonly metadata: Pools } | undefined;

  function partsOf(connection: GcpConnection, deps: BackendDeps): LoginParts {
    const known = lines.get(connection);
    if (known !== undefined) return known;
    const { clock, random, proxy, trust } = deps;
    pools ??= {
      apis: createPools({ clock, random, proxies: proxy, trust }),
      metadata: createPools({ clock, random, proxies: { https: undefined, http: undefined, no: [] }, trust }),
    };
    const { auth } = connection;
    const line = createLine(connection, pools, deps);
    const workload = auth.method === 'workload-identity' ? new WorkloadPools(line, auth, clock) : undefined;
    const parts = { connection, line, pools: workload, deps };
    lines.set(connection, parts);
    return parts;
  }

  return {
    kind: `gcp-${service}`,
    connectionSchema: gcpConnectionSchema,
    inlineConnection,
    // Whether the pool is one of ServiceAccounts is known when it was found; the session says so.
    scopeOf: ({ auth }) => (auth.method === 'workload-identity' ? 'serviceAccount' : 'pod'),
    identityOf: ({ auth }) => (auth.method === 'provider-adc' ? 'admin' : 'pod'),
    allowOf: ({ allow }) => allow,
    allowSetting: 'dropIn.gcp.providerIdentity',
    tokenAudience: async (connection, deps, signal) =>
      (await partsOf(connection, deps).pools?.get(signal))?.tokenAudience,
    lines: () =>
      [...(pools?.apis.list() ?? []), ...(pools?.metadata.list() ?? [])].map(({ address, pool }) => ({
        address,
        ...pool.breaker(),
        inFlight: pool.load.held,
        waiting: pool.load.waiting,
      })),
    parseRef: (source) => parseGcpRef(source, service),
    requestOf: askedOfGcp,
    async connect(connection, login, deps, signal) {
      const parts = partsOf(connection, deps);
      return createGcpSession(connection, parts.line, await logIn(parts, login, signal), deps);
    },
  };
}

export const secretManagerBackend = createGcpBackend('secretmanager');
export const parameterManagerBackend = createGcpBackend('parametermanager');

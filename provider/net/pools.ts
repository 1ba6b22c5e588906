import { LRUCache } from 'lru-cache';
import { type Agents, createAgents } from './agents.ts';
import { agentsOptions, createPool, type Pool, type PoolDeps, type PoolOptions } from './pool.ts';
import { usualTrust } from './trust.ts';

/**
 * The lines of a backend, one pool for each address and way to reach it. Connections belong to a server: addresses that differ in
 * their prefix or name alone share them.
 */
export interface Pools {
  readonly get: (options: PoolOptions) => Pool;
  /** All that are in use, with the address of each. */
  readonly list: () => { readonly address: string; readonly pool: Pool }[];
  readonly close: () => void;
}

/** Classes choose addresses, so the pools are bounded. One that goes still serves who holds it; its idle connections time out. */
const most = 256;

export function createPools(deps: PoolDeps): Pools {
  const pools = new LRUCache<string, { address: string; pool: Pool }>({ max: most });
  const servers = new LRUCache<string, Agents>({ max: most });

  function agentsOf(options: PoolOptions): Agents {
    const wanted = agentsOptions(options, deps.proxies);
    const key = JSON.stringify(wanted);
    const agents = servers.get(key) ?? createAgents(wanted, deps.clock, deps.trust ?? usualTrust);
    servers.set(key, agents);
    return agents;
  }

  return {
    get(options) {
      const key = JSON.stringify(options);
      const known = pools.get(key);
      if (known !== undefined) return known.pool;
      const pool = createPool(options, deps, agentsOf(options));
      pools.set(key, { address: options.address.text, pool });
      return pool;
    },
    list: () => [...pools.values()],
    close() {
      for (const { pool } of pools.values()) pool.close();
      pools.clear();
      servers.clear();
    },
  };
}

import { LRUCache } from 'lru-cache';
import type { Pools } from '../../net/pools.ts';
import type { BackendDeps } from '../backend.ts';
import type { SecretsManager } from './client.ts';
import type { AwsConnection } from './connection.ts';
import { createTransport, type Transport } from './transport.ts';

/** What the sessions of one connection share. */
export interface AwsLine {
  readonly transport: Transport;
  /** Loaded at the first use. */
  readonly secretsManager: () => Promise<SecretsManager>;
  /** To the agent of the node, which no proxy may stand before. */
  readonly agentPools: Pools;
  /** Roles that may not use BatchGetSecretValue. */
  readonly noBatch: LRUCache<string, true>;
}

/** What all connections share. */
export interface Network {
  readonly pools: Pools;
  readonly agentPools: Pools;
  readonly secretsManager: () => Promise<SecretsManager>;
}

export function createLine(connection: AwsConnection, network: Network, deps: BackendDeps): AwsLine {
  const { pools, agentPools, secretsManager } = network;
  const transport = createTransport(connection, pools, deps);
  return { transport, secretsManager, agentPools, noBatch: new LRUCache({ max: 1_000 }) };
}

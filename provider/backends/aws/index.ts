import { createPools, type Pools } from '../../net/pools.ts';
import type { AwsService } from '../../plan/dialects/aws-address.ts';
import type { Backend, BackendDeps, LineState } from '../backend.ts';
import { createSecretsManager, type SecretsManager } from './client.ts';
import { type AwsConnection, awsConnectionSchema } from './connection.ts';
import { inlineConnection } from './inline.ts';
import { type AwsLine, createLine, type Network } from './line.ts';
import { logIn } from './login.ts';
import { type AwsRef, askedOfAws, parseAwsRef } from './ref.ts';
import { createAwsSession } from './session.ts';

/** AWS Secrets Manager, Parameter Store, or both for classes of the AWS provider. See docs/aws.md. */
export function createAwsBackend(kind: string, service: AwsService | undefined): Backend<AwsConnection, AwsRef> {
  const lines = new WeakMap<AwsConnection, AwsLine>();
  let network: Network | undefined;

  function lineOf(connection: AwsConnection, deps: BackendDeps): AwsLine {
    const known = lines.get(connection);
    if (known !== undefined) return known;
    network ??= openNetwork(deps);
    const line = createLine(connection, network, deps);
    lines.set(connection, line);
    return line;
  }

  return {
    kind,
    connectionSchema: awsConnectionSchema(service),
    ...(service === undefined ? { inlineConnection } : {}),
    scopeOf: ({ auth }) => (auth.method === 'irsa' ? 'serviceAccount' : 'pod'),
    identityOf: () => 'pod',
    tokenAudience: async ({ auth }) => auth.audience,
    onlySentTokens: ({ tokenRequest }) => !tokenRequest,
    lines: () => (network === undefined ? [] : [network.pools, network.agentPools].flatMap(statesOf)),
    parseRef: (source) => parseAwsRef(source, service),
    requestOf: askedOfAws,
    async connect(connection, login, deps, signal) {
      const line = lineOf(connection, deps);
      const authority = await logIn(connection, login, line, deps, signal);
      return createAwsSession(connection, line, authority, deps);
    },
  };
}

function openNetwork({ clock, random, proxy, trust }: BackendDeps): Network {
  let client: Promise<SecretsManager> | undefined;
  return {
    pools: createPools({ clock, random, proxies: proxy, trust }),
    agentPools: createPools({ clock, random, proxies: { https: undefined, http: undefined, no: [] }, trust }),
    secretsManager: () => (client ??= createSecretsManager()),
  };
}

function statesOf(pools: Pools): LineState[] {
  return pools.list().map(({ address, pool: { breaker, load } }) => {
    return { address, ...breaker(), inFlight: load.held, waiting: load.waiting };
  });
}

export const awsBackend = createAwsBackend('aws', undefined);
export const secretsManagerBackend = createAwsBackend('aws-secretsmanager', 'secretsmanager');
export const parameterStoreBackend = createAwsBackend('aws-ssm', 'ssm');

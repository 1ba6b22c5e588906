import type { Agent } from 'node:http';
import { KeymountError } from '../errors.ts';
import type { Clock } from '../util/clock.ts';
import type { Address } from './address.ts';
import { KeptAgent } from './kept-agent.ts';
import { parseProxy, proxyUrlOf } from './proxy-url.ts';
import { createTlsMaterialReader, type TlsFiles, type TlsMaterial } from './tls-files.ts';
import type { Trust } from './trust.ts';

export interface TlsSettings extends TlsFiles {
  /** The name that the certificate must have (and SNI asks for) instead of the address's host. */
  readonly serverName?: string | undefined;
  readonly skipVerify: boolean;
}

/** How connections are made. Equal options share them, whatever is asked through them. */
export interface AgentsOptions {
  readonly address: Pick<Address, 'scheme' | 'host' | 'port' | 'socketPath'>;
  readonly tls: TlsSettings;
  readonly maxConcurrent: number;
  /** URL of a proxy. */
  readonly proxy: string | undefined;
  /** As of PoolOptions: a connection whose address was not looked at serves nobody for whom it must be. */
  readonly guarded: boolean;
}

/** The kept connections to one server. */
export interface Agents {
  /** Node's agent for them, another one when the TLS files have changed. Throws what reading those throws. */
  readonly current: () => Promise<Agent>;
  /** A handshake failed: the TLS files are looked at before the next use. */
  readonly doubt: () => void;
  readonly close: () => void;
}

/** Milliseconds that an idle connection is kept: below the 60 s after which common load balancers drop it silently. */
const idle = 45_000;

/** Idle connections kept after a storm; a few, and in the storm itself many would be made again and again. */
const maxIdle = 64;

export function createAgents(options: AgentsOptions, clock: Clock, trust: Trust): Agents {
  const { address, tls } = options;
  const files = address.scheme === 'https' ? createTlsMaterialReader(tls, clock, trust) : undefined;
  let agent: Agent | undefined;
  let material: TlsMaterial | undefined;
  return {
    async current() {
      const found = await files?.current();
      if (agent === undefined || found !== material) {
        retire(agent);
        material = found;
        agent = createAgent(options, found, clock);
      }
      return agent;
    },
    doubt: () => files?.doubt(),
    close: () => agent?.destroy(),
  };
}

// Without a bound of connections: each line bounds its own requests, and one for all would let one that hangs hold up the others.
function createAgent(
  { address, tls, maxConcurrent, proxy: url }: AgentsOptions,
  material: TlsMaterial | undefined,
  clock: Clock,
): Agent {
  const proxy = url === undefined ? undefined : parseProxy(url);
  if (url !== undefined && proxy === undefined) throw unknownProxy(address);
  const common = {
    clock,
    proxy,
    keepAlive: true,
    maxIdle: Math.min(maxConcurrent, maxIdle),
    timeout: idle,
  };
  // Node asks an HTTP proxy for an http address by its whole URL where it knows of the proxy by this.
  const byUrl = proxy === undefined || proxy.kind === 'socks5' ? {} : { proxyEnv: { HTTP_PROXY: proxyUrlOf(proxy) } };
  if (material === undefined) return new KeptAgent({ ...common, ...byUrl });
  return new KeptAgent({
    ...common,
    secureContext: material.context,
    rejectUnauthorized: !tls.skipVerify,
    ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
  });
}

/** The URL itself may hold a password. */
function unknownProxy({ host }: AgentsOptions['address']): KeymountError {
  return new KeymountError('settings-invalid', `cannot use the proxy that is set for ${host}`, {
    reason: 'it is no http, https, socks5 or socks5h URL',
    hint: 'set another one, or name the host in NO_PROXY if it can be reached directly',
  });
}

/** Requests in flight end on their old connections, idle ones are closed. */
function retire(agent: Agent | undefined): void {
  if (agent === undefined) return;
  agent.maxFreeSockets = 0;
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
}

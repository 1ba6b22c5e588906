import { Agent, type AgentOptions, type ClientRequest, type ClientRequestArgs } from 'node:http';
import type { Socket } from 'node:net';
import { connect, type SecureContext } from 'node:tls';
import type { Clock } from '../util/clock.ts';
import { Dialing, dial } from './dial.ts';
import { refuseForbidden } from './forbidden-name.ts';
import { handshake, namedBy } from './handshake.ts';
import { Idle } from './idle.ts';
import type { ProxyServer } from './proxy-url.ts';
import { openTunnel } from './tunnel.ts';

export interface KeptAgentOptions extends Omit<AgentOptions, 'maxSockets' | 'maxFreeSockets'> {
  readonly clock: Clock;
  /** Connections that are kept where no request waits for one. */
  readonly maxIdle: number;
  /** Makes connections with TLS; absent: there is none. */
  readonly secureContext?: SecureContext;
  readonly rejectUnauthorized?: boolean;
  readonly servername?: string;
  readonly proxy?: ProxyServer | undefined;
}

/** Beside Node's own: by what the sender of a request follows the making of its connection. */
export interface KeptRequestArgs extends ClientRequestArgs {
  readonly dialing?: Dialing;
  /** A connection that was used before is none for it. */
  readonly once?: boolean;
}

type Made = NonNullable<Parameters<Agent['createConnection']>[1]>;
type AddRequest = (this: Agent, request: ClientRequest, options: KeptRequestArgs) => void;

/** Node's own way with a request; it has no public name for what http.request() calls of an agent. */
const { addRequest } = Agent.prototype as unknown as { addRequest: AddRequest };

/**
 * Node's agent for one server, with connections of our making: through the proxy, to the first of the server's addresses that
 * answers, TLS included; a request gets its socket when it is ready for it. How many there are is bounded by who sends. `lookup` of a
 * request also says which names may not be asked for through a proxy. Nothing that comes between two requests is taken for a reply.
 */
export class KeptAgent extends Agent {
  readonly #own: KeptAgentOptions;
  readonly #making = new Set<Dialing>();
  readonly #idle: Idle;
  #session: Buffer | undefined;

  constructor(options: KeptAgentOptions) {
    const { clock: _, proxy: __, maxIdle: ___, ...nodes } = options;
    // Between two requests of a storm all are idle for a moment.
    const maxFreeSockets = Number.POSITIVE_INFINITY;
    super({
      ...nodes,
      maxFreeSockets,
      ...(options.secureContext === undefined ? {} : { protocol: 'https:', defaultPort: 443 }),
    });
    this.#own = options;
    // Node keeps a list for each server; here there is one.
    this.#idle = new Idle(() => Object.values(this.freeSockets)[0] ?? [], options.maxIdle);
  }

  override createConnection(options: KeptRequestArgs, made: Made = () => {}): Socket | undefined {
    if (typeof options.socketPath === 'string') return super.createConnection(options) as Socket;
    const { dialing = new Dialing() } = options;
    this.#making.add(dialing);
    this.#make(options, dialing)
      .finally(() => {
        this.#making.delete(dialing);
        dialing.end();
      })
      .then(
        (socket) => made(null, socket),
        // Without a socket, as Node's own agents call it.
        (error: Error) => made(error, undefined as unknown as Socket),
      )
      .catch(() => {});
    return undefined;
  }

  override getName(options: KeptRequestArgs = {}): string {
    const name = super.getName(options as Parameters<Agent['getName']>[0]);
    return options.once ? `${name} once` : name;
  }

  override destroy(): void {
    for (const dialing of this.#making) dialing.cancel();
    super.destroy();
  }

  addRequest(request: ClientRequest, options: KeptRequestArgs): void {
    this.#idle.whenReady(() => addRequest.call(this, request, options));
  }

  override keepSocketAlive(socket: Socket): boolean {
    // What it returns counts, whatever its type says: false where the server keeps connections for a second only.
    const kept = super.keepSocketAlive(socket) as unknown as boolean;
    if (kept) this.#idle.watch(socket);
    return kept;
  }

  override reuseSocket(socket: Socket, request: ClientRequest): void {
    this.#idle.unwatch(socket);
    super.reuseSocket(socket, request);
  }

  async #make(options: KeptRequestArgs, dialing: Dialing): Promise<Socket> {
    const { clock, proxy, secureContext, keepAlive, keepAliveMsecs = 1000 } = this.#own;
    const { lookup } = options;
    const signal = dialing.begin();
    const end = { host: options.host ?? 'localhost', port: Number(options.port) };
    if (proxy !== undefined && lookup !== undefined) await refuseForbidden(end.host, lookup, clock, signal);
    const keepAliveDelay = keepAlive ? keepAliveMsecs : undefined;
    let socket = await dial(proxy ?? { ...end, lookup }, { clock, signal, dialing, keepAliveDelay });
    const abort = () => socket.destroy();
    signal.addEventListener('abort', abort, { once: true });
    try {
      if (proxy?.kind === 'https') socket = await handshake(connect({ socket, ...namedBy(proxy.host) }));
      const tunnelled = secureContext !== undefined || proxy?.kind === 'socks5';
      if (proxy !== undefined && tunnelled) await openTunnel(socket, proxy, end);
      if (secureContext !== undefined) socket = await this.#startTls(socket, end.host);
      signal.throwIfAborted();
      return socket;
    } catch (error) {
      socket.destroy();
      throw signal.aborted ? signal.reason : error;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  /** Of the sessions that the server offers the last is resumed, until a connection ends in an error. */
  async #startTls(socket: Socket, host: string): Promise<Socket> {
    const { secureContext, rejectUnauthorized, servername } = this.#own;
    const secured = connect({
      socket,
      ...namedBy(host),
      ...(servername === undefined ? {} : { servername }),
      ...(secureContext === undefined ? {} : { secureContext }),
      ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
      ...(this.#session === undefined ? {} : { session: this.#session }),
    });
    secured.on('session', (session) => (this.#session = session));
    secured.once('close', (hadError) => {
      if (hadError) this.#session = undefined;
    });
    return await handshake(secured);
  }
}

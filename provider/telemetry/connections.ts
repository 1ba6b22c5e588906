import type { Socket } from 'node:net';

export interface ConnectionBounds {
  /** Connections whose request has not come in whole. */
  readonly waiting: number;
  /** Connections with a request that is being answered. */
  readonly answering: number;
}

/**
 * The connections of a server, bounded. Where there is one too many, the oldest of its kind goes, and not the new one, as with
 * `server.maxConnections`: whoever opens connections and asks nothing must not keep a probe out. The two kinds are bounded apart,
 * so that readers that never read cannot push out who is about to ask.
 */
export class Connections {
  // Sets keep the order in which things came.
  readonly #waiting = new Set<Socket>();
  readonly #answering = new Set<Socket>();
  readonly #bounds: ConnectionBounds;

  constructor(bounds: ConnectionBounds) {
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#waiting.size + this.#answering.size;
  }

  opened(socket: Socket): void {
    put(this.#waiting, socket, this.#bounds.waiting);
    socket.once('close', () => {
      this.#waiting.delete(socket);
      this.#answering.delete(socket);
    });
  }

  /** A request came in whole. False: it is not the first one of its connection, or the connection is gone. */
  asked(socket: Socket): boolean {
    if (!this.#waiting.delete(socket)) return false;
    put(this.#answering, socket, this.#bounds.answering);
    return true;
  }
}

function put(sockets: Set<Socket>, socket: Socket, bound: number): void {
  for (const oldest of sockets) {
    if (sockets.size < bound) break;
    sockets.delete(oldest);
    oldest.destroy();
  }
  sockets.add(socket);
}

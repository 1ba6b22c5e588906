import type { Socket } from 'node:net';

/**
 * Connections that wait for their next request. HTTP/1.1 has no numbers: what a server (or a proxy before it) sends meanwhile would be
 * taken for the answer to the next request, which may be another pod's. So such a connection is closed, as Go does ("Unsolicited
 * response received on idle HTTP channel").
 */
export class Idle {
  readonly #free: () => Socket[];
  readonly #most: number;
  /** Those at which nobody has looked since the end of the last reply; what came behind it may lie in the kernel still. */
  readonly #fresh = new Map<Socket, symbol>();
  /** Requests that wait for such a look. */
  #waiting = 0;

  /** `free`: the idle connections, of which the last is taken next; `most` of them are kept. */
  constructor(free: () => Socket[], most: number) {
    this.#free = free;
    this.#most = most;
  }

  watch(socket: Socket): void {
    socket.on('data', close);
    const turn = Symbol();
    this.#fresh.set(socket, turn);
    afterPoll(() => {
      if (this.#fresh.get(socket) !== turn) return;
      this.#fresh.delete(socket);
      const free = this.#free();
      if (free.length - this.#waiting <= this.#most) return;
      // A socket that is closed leaves the list later.
      const left = free.filter(({ destroyed }) => !destroyed).length;
      if (left - this.#waiting > this.#most && free.includes(socket)) socket.destroy();
    });
  }

  unwatch(socket: Socket): void {
    socket.removeListener('data', close);
    this.#fresh.delete(socket);
  }

  /** Calls back at once if there is an idle connection that was looked at, or none at all; else after a look. */
  whenReady(call: () => void): void {
    const free = this.#free();
    const last = free.at(-1);
    if (last === undefined || !this.#fresh.has(last)) {
      call();
      return;
    }
    const ready = free.findLastIndex((socket) => !this.#fresh.has(socket) && !socket.destroyed);
    if (ready !== -1) {
      free.push(...free.splice(ready, 1));
      call();
      return;
    }
    this.#waiting++;
    afterPoll(() => {
      this.#waiting--;
      call();
    });
  }
}

function close(this: Socket): void {
  this.destroy();
}

/** After a whole look at all sockets: the one under way may have passed this socket by. */
function afterPoll(call: () => void): void {
  setImmediate(() => setImmediate(call));
}

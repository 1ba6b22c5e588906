import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** What the proxy does to a request instead of forwarding it unchanged. */
export interface Fault {
  /** Applies where `METHOD /path` matches; everywhere if left out. */
  match?: RegExp;
  /** Milliseconds before anything else happens. */
  delay?: number;
  /** Answers with this status and a Vault error body, without asking the backend. */
  status?: number;
  /** Forwards, then cuts the connection after this many bytes of the body. */
  cutAfter?: number;
  /** Forwards, and answers with this status and a Vault error body in place of what came. */
  statusAfter?: number;
  /** Forwards, and never answers. */
  hangAfter?: boolean;
  /** Takes the request and never answers. */
  hang?: boolean;
  /** How often it applies before it is used up; for ever if left out. */
  times?: number;
}

/** A counting, slow or failing http proxy between a provider and OpenBao, in the test's own process. */
export interface LabProxy {
  readonly address: string;
  /** Requests since the last `reset`, by `METHOD /path` without the query, in order of arrival. */
  counts(): Record<string, number>;
  /** How many requests match, such as `/login$/`; all of them without a pattern. */
  count(pattern?: RegExp): number;
  /** TCP connections accepted since the last `reset`. */
  connections(): number;
  /** The highest number of requests in flight at one time since the last `reset`. */
  highWater(): number;
  /** The first matching fault applies. `[]` makes the proxy transparent again. */
  faults(...faults: Fault[]): void;
  reset(): void;
  /** Closes the listener and every connection: the address refuses connections. */
  close(): Promise<void>;
}

export async function startProxy(target: string): Promise<LabProxy> {
  const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
  const sockets = new Set<Socket>();
  const arrivals: string[] = [];
  let [connections, inFlight, highWater] = [0, 0, 0];
  let faults: Fault[] = [];

  const server = createServer((incoming, outgoing) => {
    const line = `${incoming.method} ${incoming.url?.split('?')[0]}`;
    arrivals.push(line);
    inFlight += 1;
    highWater = Math.max(highWater, inFlight);
    outgoing.on('close', () => {
      inFlight -= 1;
    });
    const fault = takeFault(faults, line);
    setTimeout(() => serve(incoming, outgoing, fault, target, agent), fault.delay ?? 0);
  });
  server.on('connection', (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    counts: () =>
      Object.fromEntries([...Map.groupBy(arrivals, (line) => line)].map(([line, all]) => [line, all.length])),
    count: (pattern) => arrivals.filter((line) => pattern === undefined || pattern.test(line)).length,
    connections: () => connections,
    highWater: () => highWater,
    faults(...next) {
      faults = next.map((fault) => ({ ...fault }));
    },
    reset() {
      arrivals.length = 0;
      [connections, highWater] = [0, inFlight];
    },
    async close() {
      server.close();
      agent.destroy();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

/** The first fault that matches and is not used up; it counts as used once more. */
function takeFault(faults: Fault[], line: string): Fault {
  const found = faults.find(({ match, times }) => (match?.test(line) ?? true) && times !== 0);
  if (found?.times !== undefined) found.times -= 1;
  return found ?? {};
}

function serve(incoming: IncomingMessage, outgoing: ServerResponse, fault: Fault, target: string, agent: Agent): void {
  if (fault.hang) return;
  if (fault.status !== undefined) {
    answerWith(fault.status, outgoing);
    return;
  }
  const { method, headers } = incoming;
  const onward = request(new URL(incoming.url ?? '/', target), { method, headers, agent }, (answer) => {
    if (fault.statusAfter !== undefined || fault.hangAfter) {
      answer.resume();
      if (fault.statusAfter !== undefined) answer.on('end', () => answerWith(fault.statusAfter ?? 500, outgoing));
      return;
    }
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    if (fault.cutAfter === undefined) answer.pipe(outgoing);
    else cutAfter(answer, outgoing, fault.cutAfter);
  });
  // what the backend does to a connection, the provider sees: no 502 of the proxy's own
  onward.on('error', () => outgoing.destroy());
  outgoing.on('close', () => onward.destroy());
  incoming.pipe(onward);
}

function answerWith(status: number, outgoing: ServerResponse): void {
  outgoing.writeHead(status, { 'content-type': 'application/json' });
  outgoing.end('{"errors":["the proxy of the test answered"]}');
}

function cutAfter(answer: IncomingMessage, outgoing: ServerResponse, bytes: number): void {
  let left = bytes;
  answer.on('data', (chunk: Buffer) => {
    outgoing.write(chunk.subarray(0, left), () => left <= 0 && outgoing.destroy());
    left -= chunk.length;
  });
}

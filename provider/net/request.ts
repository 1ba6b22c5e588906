import { type Agent, type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { request as requestTls } from 'node:https';
import type { LookupFunction } from 'node:net';
import { KeymountError } from '../errors.ts';
import { after, type Clock } from '../util/clock.ts';
import { abortedError } from './aborted.ts';
import type { Address } from './address.ts';
import { connectionFailure, type Failure, type Peer, unreachableFailure } from './connection-error.ts';
import { Dialing } from './dial.ts';
import { triedText } from './dial-error.ts';
import type { KeptRequestArgs } from './kept-agent.ts';

/** One HTTP request, ready to be sent. */
export interface Message {
  readonly method: string;
  /** With its query, percent-encoded already: it is sent as it is, behind the prefix of the address. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** What it has in common with requests that may hang like it: those leave room for the others. Absent: nothing. */
  readonly lane?: string;
  /** It must not reach the server twice: it goes over a connection of its own, and a connection that breaks is an answer. */
  readonly once?: boolean;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** `final`: it is an answer from memory, and asking again is no use. `unsent`: no server has seen the request. */
export type Outcome = { readonly reply: Reply; readonly final?: boolean; readonly unsent?: boolean } | Failure;

/** What an exchange runs on. */
export interface Line {
  readonly address: Address;
  readonly peer: Peer;
  readonly agent: Agent;
  readonly lookup: LookupFunction | undefined;
  readonly clock: Clock;
}

export interface Bounds {
  /** Milliseconds until the last byte of the reply. */
  readonly timeout: number;
  /** Milliseconds to get a connection, TLS included. */
  readonly connectTimeout: number;
  /** Bytes of the reply's body. */
  readonly maxBytes: number;
}

/** Sends a message and reads the whole reply, whatever its status. Never rejects. */
export async function exchange(line: Line, message: Message, bounds: Bounds, signal: AbortSignal): Promise<Outcome> {
  try {
    const first = await attempt(line, message, bounds, signal);
    // A kept connection may have been closed by the server just as it was used again: the request was not seen then.
    return 'stale' in first && first.stale && !message.once ? await attempt(line, message, bounds, signal) : first;
  } catch (thrown) {
    // Node refuses some characters before it sends anything.
    return connectionFailure(thrown, line.peer);
  }
}

/** The first outcome counts; the others are not even made. */
type Settle = (outcomeOf: () => Attempt) => void;

type Attempt = { readonly reply: Reply } | (Failure & { readonly stale?: boolean });

function attempt(line: Line, message: Message, bounds: Bounds, signal: AbortSignal): Promise<Attempt> {
  const aborted = (): Failure => ({ failure: abortedError(signal, line.peer.address), transient: false });
  if (signal.aborted) return Promise.resolve({ ...aborted(), unsent: true });
  return new Promise((resolve) => {
    // Without a socket nothing was sent.
    const unsent = () => (outgoing.socket === null ? { unsent: true } : {});
    let settled = false;
    let answered = false;
    const settle: Settle = (outcomeOf) => {
      if (settled) return;
      settled = true;
      endWatch();
      signal.removeEventListener('abort', onAbort);
      const outcome = outcomeOf();
      resolve(outcome);
      if ('reply' in outcome) return;
      dialing.cancel();
      outgoing.destroy();
    };
    const onAbort = () => settle(() => ({ ...aborted(), ...unsent() }));
    const dialing = new Dialing();
    const outgoing = open(line, message, dialing);
    const broken = (error: unknown) => {
      const code = (error as NodeJS.ErrnoException | null)?.code;
      const stale = outgoing.reusedSocket && !answered && (code === 'ECONNRESET' || code === 'EPIPE');
      const cut = answered && !code?.startsWith('HPE_');
      settle(() => (cut ? cutOff(line.peer) : { ...connectionFailure(error, line.peer), ...unsent(), stale }));
    };
    outgoing.on('error', broken);
    // Without this a server that switches protocols would leave nobody to close the socket.
    outgoing.on('upgrade', (_incoming, socket) => {
      socket.destroy();
      settle(() => notHttp(line.peer));
    });
    outgoing.on('close', () => {
      const closed = `connection closed by ${line.peer.endpoint}`;
      settle(() => (answered ? cutOff(line.peer) : unreachableFailure(line.peer, closed)));
    });
    outgoing.on('response', (incoming) => {
      answered = true;
      collect(incoming, line.peer, bounds.maxBytes, settle);
    });
    signal.addEventListener('abort', onAbort, { once: true });
    const endWatch = watch(outgoing, dialing, line, bounds, settle);
    outgoing.end(message.body);
  });
}

function open({ address, agent, lookup }: Line, message: Message, dialing: Dialing): ClientRequest {
  const { method, path, body, once = false } = message;
  const headers = once ? { ...message.headers, Connection: 'close' } : message.headers;
  const make = address.scheme === 'https' ? requestTls : request;
  const options: KeptRequestArgs = {
    agent,
    dialing,
    once,
    method,
    path: address.prefix + path,
    headers: body === undefined ? headers : { ...headers, 'Content-Length': String(Buffer.byteLength(body)) },
    ...(address.socketPath === undefined
      ? { host: address.host, port: address.port }
      : { socketPath: address.socketPath, host: 'localhost' }),
    ...(lookup === undefined ? {} : { lookup }),
  };
  return make(options);
}

/** Ends the request when it takes too long to connect or to answer, until what it returns is called. */
function watch(
  outgoing: ClientRequest,
  dialing: Dialing,
  { clock, peer }: Line,
  { timeout, connectTimeout }: Bounds,
  settle: Settle,
): () => void {
  let connected = false;
  outgoing.once('socket', (socket) => {
    if (!socket.connecting) connected = true;
    else socket.once('encrypted' in socket ? 'secureConnect' : 'connect', () => (connected = true));
  });
  const first = Math.min(connectTimeout, timeout);
  let cancel = after(clock, first, () => {
    if (!connected) {
      const where = peer.endpoint + triedText(dialing.tried);
      settle(() => unreachableFailure(peer, `no connection to ${where} within ${seconds(first)}`, true));
    } else
      cancel = after(clock, timeout - first, () =>
        settle(() => unreachableFailure(peer, `no whole answer from ${peer.endpoint} within ${seconds(timeout)}`)),
      );
  });
  return () => cancel();
}

function collect(incoming: IncomingMessage, peer: Peer, maxBytes: number, settle: Settle): void {
  const tooLarge = () => settle(() => ({ failure: oversized(peer, maxBytes), transient: false }));
  if (Number(incoming.headers['content-length'] ?? 0) > maxBytes) {
    tooLarge();
    return;
  }
  const chunks: Buffer[] = [];
  let size = 0;
  incoming.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > maxBytes) tooLarge();
    else chunks.push(chunk);
  });
  const cut = () => settle(() => cutOff(peer));
  incoming.on('error', cut);
  incoming.on('close', cut);
  incoming.on('end', () => {
    if (!incoming.complete) cut();
    else
      settle(() => ({ reply: { status: incoming.statusCode ?? 0, headers: incoming.headers, body: whole(chunks) } }));
  });
}

function whole(chunks: Buffer[]): Buffer {
  const [only] = chunks;
  return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks);
}

function oversized({ address }: Peer, maxBytes: number): KeymountError {
  return new KeymountError('backend-reply-invalid', `the answer of ${address} is larger than ${maxBytes} bytes`, {
    hint: 'the admin can raise limits.replyBytes',
  });
}

function cutOff({ address }: Peer): Failure {
  // A Go server with TLS answers so to who comes without, and its own words for it are lost with the connection.
  const hint = address.startsWith('http://') ? 'if the server has TLS, its address begins with https://' : undefined;
  return {
    failure: new KeymountError('backend-reply-invalid', `the answer of ${address} was cut off`, { hint }),
    transient: true,
  };
}

function notHttp({ address }: Peer): Failure {
  return {
    failure: new KeymountError('backend-reply-invalid', `${address} switched to another protocol`),
    transient: false,
  };
}

function seconds(ms: number): string {
  return `${ms / 1000} s`;
}

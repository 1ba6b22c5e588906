import type { IncomingMessage } from 'node:http';
import { type Agent, type AgentOptions, Agent as HttpsAgent, type RequestOptions, request } from 'node:https';
import { urlToHttpOptions } from 'node:url';
import type { KubeConfig } from './config.ts';
import { KubeError, noAnswer } from './kube-error.ts';
import type { MaterialReader } from './material.ts';

/** The HTTP side of the API server: one pool of connections, made anew when a certificate file changes. */
export interface Transport {
  /** `path` begins with `/`. Aborting destroys the connection in use. Throws KubeError. */
  readonly exchange: (message: Message, signal: AbortSignal) => Promise<Reply>;
  readonly close: () => void;
}

export interface Message {
  readonly method: string;
  readonly path: string;
  readonly body: string | undefined;
}

export interface Reply {
  readonly status: number;
  readonly body: Buffer;
}

export function createTransport(config: KubeConfig, material: MaterialReader, largestReply: number): Transport {
  const pool = createPool(config, material);
  const base = config.server.pathname.replace(/\/+$/, '');

  async function headers(body: string | undefined): Promise<Record<string, string>> {
    const token = config.token === undefined ? undefined : (await material.read(config.token)).trim();
    return {
      accept: 'application/json',
      'user-agent': 'keymount',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
    };
  }

  return {
    async exchange(message, signal) {
      const options: RequestOptions = {
        ...urlToHttpOptions(config.server),
        method: message.method,
        path: base + message.path,
        headers: await headers(message.body),
        agent: await pool.agent(),
        signal,
      };
      const outcome = await attempt(options, message.body, largestReply);
      // The server may close an idle connection just as it is used again; the request was not seen then.
      return outcome === 'stale' ? nonStale(await attempt(options, message.body, largestReply)) : outcome;
    },
    close: () => pool.close(),
  };
}

function createPool(config: KubeConfig, material: MaterialReader) {
  let current: { readonly agent: Agent; readonly stamp: string } | undefined;
  return {
    async agent(): Promise<Agent> {
      const read = (one: Parameters<MaterialReader['read']>[0] | undefined) =>
        one === undefined ? undefined : material.read(one);
      const [ca, cert, key] = await Promise.all([
        read(config.ca),
        read(config.clientCertificate?.cert),
        read(config.clientCertificate?.key),
      ]);
      const stamp = JSON.stringify([ca, cert, key]);
      if (current?.stamp !== stamp) {
        retire(current?.agent);
        current = { agent: new HttpsAgent(agentOptions(config, ca, cert, key)), stamp };
      }
      return current.agent;
    },
    close: () => current?.agent.destroy(),
  };
}

function agentOptions(
  config: KubeConfig,
  ca: string | undefined,
  cert: string | undefined,
  key: string | undefined,
): AgentOptions {
  return {
    keepAlive: true,
    maxSockets: 16,
    maxFreeSockets: 4,
    rejectUnauthorized: !config.skipVerify,
    ...(config.serverName === undefined ? {} : { servername: config.serverName }),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

/** Lets calls in flight end, closes what is idle. */
function retire(agent: Agent | undefined): void {
  if (agent === undefined) return;
  agent.maxFreeSockets = 0;
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
}

/** One request. `stale`: a kept connection turned out to be closed. */
function attempt(options: RequestOptions, body: string | undefined, largestReply: number): Promise<Reply | 'stale'> {
  return new Promise((resolve, reject) => {
    const outgoing = request(options, (incoming) => {
      collect(incoming, largestReply).then(
        (whole) => resolve({ status: incoming.statusCode ?? 0, body: whole }),
        (error: unknown) => reject(asKubeError(error)),
      );
    });
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      const stale = outgoing.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
      if (stale) resolve('stale');
      else reject(asKubeError(error));
    });
    outgoing.end(body);
  });
}

function nonStale(outcome: Reply | 'stale'): Reply {
  if (outcome !== 'stale') return outcome;
  throw new KubeError(undefined, noAnswer.unreachable, 'the API server closed the connection');
}

async function collect(incoming: IncomingMessage, largest: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > largest) throw new KubeError(undefined, noAnswer.badReply, `the reply is larger than ${largest} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function asKubeError(error: unknown): KubeError {
  if (error instanceof KubeError) return error;
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
  if (/CERT|SELF_SIGNED|UNABLE_TO_|ALTNAME|SIGNATURE/.test(code)) {
    return new KubeError(undefined, noAnswer.untrusted, `the API server's certificate is not trusted (${code})`);
  }
  return new KubeError(undefined, noAnswer.unreachable, `the API server cannot be reached (${code})`);
}

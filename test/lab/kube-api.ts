import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { KubeConfig } from '../../provider/kube/config.ts';
import { parseAddress } from '../../provider/net/address.ts';
import { answerKubeCall, type KubeFailure, type KubeObjects } from './kube-objects.ts';
import { PodFeed } from './kube-pods.ts';
import { createTokenIssuer, type TokenIssuer } from './pod-token.ts';

/** What happens to a call instead of its answer. `hang`: none ever comes; `reset`: the connection breaks; a text: that body, 200. */
export type Fault = 'hang' | 'reset' | KubeFailure | string;

/**
 * A small API server over TLS on 127.0.0.1, for the calls that keymount makes; paths, objects and Status replies follow the
 * Kubernetes API reference v1.34. Everything in it can be looked at and changed while it runs.
 */
export interface KubeApiServer extends KubeObjects {
  readonly url: string;
  readonly port: number;
  /** PEM of what signed the present certificate. */
  ca(): string;
  /** The bearer token that it takes; any other is answered 401. */
  token: string;
  /** Signs the tokens, and is in the JWKS; a new one is a rotated key. */
  issuer: TokenIssuer;
  /** The pods that lists and watches show. A pod in `pods` alone is there for TokenRequests only. */
  readonly podFeed: PodFeed;
  /** Every call as `METHOD /path`, in order of arrival. */
  readonly calls: string[];
  /** Connections accepted so far. */
  connections(): number;
  /** Decides each call's fate; undefined: it is answered. */
  fault: (call: string) => Fault | undefined;
  /** A new certificate of a new CA for new connections. */
  renewCertificate(): void;
  /** That certificate, its chain behind it, for new connections; `ca` is no longer who signed it. */
  useCertificate(pem: { cert: string; key: string }): void;
  /** Breaks all connections and refuses new ones. */
  goAway(): Promise<void>;
  /** The same port again. */
  comeBack(): Promise<void>;
  close(): Promise<void>;
}

export async function startKubeApi(): Promise<KubeApiServer> {
  let certificate = makeCertificate();
  let accepted = 0;
  const sockets = new Set<Duplex>();
  const pods: KubeObjects['pods'] = new Map();
  const server = createServer(certificate, (request, response) => {
    void serve(api, request, response);
  });
  server.on('connection', (socket) => {
    accepted++;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  const goAway = async () => {
    const closed = server.listening ? once(server, 'close') : undefined;
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const api: KubeApiServer = {
    url: `https://127.0.0.1:${port}`,
    port,
    ca: () => certificate.cert,
    token: 'token-of-keymount',
    issuer: createTokenIssuer(),
    calls: [],
    secrets: new Map(),
    pods,
    podFeed: new PodFeed(pods),
    serviceAccounts: new Map(),
    nodes: new Map(),
    events: [],
    tokenRequests: [],
    connections: () => accepted,
    fault: () => undefined,
    renewCertificate() {
      certificate = makeCertificate();
      server.setSecureContext(certificate);
    },
    useCertificate: (pem) => server.setSecureContext(pem),
    goAway,
    comeBack: () => listen(port),
    close: goAway,
  };
  return api;
}

/** How to reach it, for `createKubeApi`. */
export function kubeConfigOf(api: KubeApiServer, parts: Partial<KubeConfig> = {}): KubeConfig {
  const parsed = parseAddress(api.url);
  if ('problem' in parsed) throw new Error(parsed.problem);
  return {
    server: parsed.address,
    namespace: 'csi',
    ca: { data: api.ca() },
    serverName: undefined,
    skipVerify: false,
    token: { data: api.token },
    clientCertificate: undefined,
    ...parts,
  };
}

/** The same as a file in a folder, for programs. Returns its path. */
export function writeKubeconfig(api: KubeApiServer, folder: string): string {
  const file = join(folder, 'kubeconfig');
  const cluster = { server: api.url, 'certificate-authority-data': Buffer.from(api.ca()).toString('base64') };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'lab',
    clusters: [{ name: 'lab', cluster }],
    contexts: [{ name: 'lab', context: { cluster: 'lab', user: 'keymount', namespace: 'csi' } }],
    users: [{ name: 'keymount', user: { token: api.token } }],
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

async function serve(api: KubeApiServer, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const call = `${request.method} ${request.url}`;
  api.calls.push(call);
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const fault = api.fault(call);
  if (fault === 'hang') return;
  if (fault === 'reset') {
    request.socket.destroy();
    return;
  }
  if (typeof fault === 'string') {
    response.writeHead(200, { 'content-type': 'application/json' }).end(fault);
    return;
  }
  const known = request.headers.authorization === `Bearer ${api.token}`;
  const url = new URL(request.url ?? '/', api.url);
  if (fault === undefined && known && request.method === 'GET' && url.pathname === '/api/v1/pods') {
    api.podFeed.answer(url, response);
    return;
  }
  const body = Buffer.concat(chunks).toString('utf8');
  const answer = fault ?? (known ? answerKubeCall(api, call, request.headers.accept ?? '*/*', body) : unauthorized);
  response.writeHead(answer.status, { 'content-type': 'application/json' });
  response.end(JSON.stringify('body' in answer ? answer.body : statusObject(answer)));
}

const unauthorized: KubeFailure = { status: 401, reason: 'Unauthorized', message: 'Unauthorized' };

/** meta/v1 Status. */
function statusObject({ status, reason, message }: KubeFailure): object {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code: status };
}

/** A self-signed certificate for 127.0.0.1, which is its own CA. */
function makeCertificate(): { key: string; cert: string } {
  const subject = ['-subj', '/CN=kube-apiserver', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:kubernetes.default.svc'];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', '-'];
  const pem = execFileSync('openssl', ['req', '-x509', '-days', '2', ...key, ...subject], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return { key: block(pem, 'PRIVATE KEY'), cert: block(pem, 'CERTIFICATE') };
}

function block(pem: string, label: string): string {
  const end = `-----END ${label}-----`;
  const found = pem.slice(pem.indexOf(`-----BEGIN ${label}-----`), pem.indexOf(end) + end.length);
  if (found === '') throw new Error(`openssl printed no ${label}`);
  return `${found}\n`;
}

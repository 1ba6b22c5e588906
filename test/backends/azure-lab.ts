import { writeFileSync } from 'node:fs';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer as createPlainServer } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import { createAzureBackend } from '../../provider/backends/azure/index.ts';
import type { AzureRef } from '../../provider/backends/azure/ref.ts';
import type { BackendDeps, Login, Session } from '../../provider/backends/backend.ts';
import { SecretString } from '../../provider/util/secret-string.ts';
import { aPod, type Pod } from '../lab/pod.ts';
import { createTokenIssuer, type TokenIssuer } from '../lab/pod-token.ts';
import { scratchFolder } from '../lab/scratch.ts';
import { makeCa, makeLeaf } from '../unit/net/certificates.ts';
import { type Answer, FakeEntra } from './azure-entra.ts';
import { FakeVault, failure } from './azure-vault.ts';
import { contractDeps, noCluster } from './contract.ts';

export const issuer = createTokenIssuer();
export const tenant = '72f988bf-86f1-41af-91ab-2d7cd011db47';
export const client = '0b2c7b8e-6f7d-4c7d-9d8d-0c6a1a3a5f10';
export const audience = 'api://AzureADTokenExchange';

/** Never aborts. */
export const signal = new AbortController().signal;

/** Entra ID, a vault and the metadata service of a node. */
export interface AzureLab {
  readonly entra: FakeEntra;
  readonly vault: FakeVault;
  /** `https://127.0.0.1:…` of Entra ID and the vault. */
  readonly address: string;
  /** Of the metadata service, plain http. */
  readonly metadata: string;
  /** PEM, and a file of it. */
  readonly ca: string;
  readonly caFile: string;
  /** SNI names of requests for tokens. */
  readonly serverNames: (string | undefined)[];
  /** Queries of the metadata service. */
  readonly metadataAsked: URLSearchParams[];
  /** Settings of a named connection. */
  readonly settings: Record<string, unknown>;
  readonly backend: ReturnType<typeof createAzureBackend>;
  connect(login?: Login, settings?: Record<string, unknown>, deps?: BackendDeps): Promise<Session<AzureRef>>;
  close(): Promise<void>;
}

/** The app that `shop/web` is federated with. */
export const app = {
  tenant,
  clientId: client,
  secret: 'Secr3t~of.the-app',
  federation: { issuer: issuer.issuer, subject: 'system:serviceaccount:shop:web', audience },
};

/** `names` are those of the servers' certificate; tokens of `cluster` are accepted as assertions. */
export async function startAzureLab(names?: string, cluster: TokenIssuer = issuer): Promise<AzureLab> {
  const ca = makeCa();
  const leaf = makeLeaf(ca, names === undefined ? {} : { names });
  const caFile = join(scratchFolder('azure'), 'ca.pem');
  writeFileSync(caFile, ca.cert);
  const entra = new FakeEntra(cluster.jwks as unknown as ConstructorParameters<typeof FakeEntra>[0]);
  entra.apps.push(app);
  const vault = new FakeVault(tenant, entra.tokens);
  const serverNames: (string | undefined)[] = [];
  const metadataAsked: URLSearchParams[] = [];
  let address = '';
  const server = createServer(
    { cert: leaf.cert, key: leaf.key },
    listener(async (request, body) => {
      const answered = await entra.answer(request, body, address);
      if (answered === undefined) return vault.answer(request, address);
      const { servername } = request.socket as { servername?: string | false };
      serverNames.push(servername === false ? undefined : servername);
      return answered;
    }),
  );
  const metadataServer = createPlainServer(listener(async (request) => metadataAnswer(request, entra, metadataAsked)));
  address = `https://127.0.0.1:${await listen(server)}`;
  const metadata = `http://127.0.0.1:${await listen(metadataServer)}`;
  const backend = createAzureBackend();
  const settings = { address, authority: address, tenant, tls: { ca: caFile }, auth: workload() };
  return {
    entra,
    vault,
    address,
    metadata,
    ca: ca.cert,
    caFile,
    serverNames,
    metadataAsked,
    settings,
    backend,
    connect: (login = podLogin(), more = {}, deps = contractDeps) =>
      backend.connect(backend.connectionSchema.parse({ ...settings, ...more }), login, deps, signal),
    async close() {
      await Promise.all([shut(server), shut(metadataServer)]);
    },
  };
}

export function workload(more: Record<string, unknown> = {}) {
  return { method: 'workload-identity', clientId: client, ...more };
}

/** The login of a pod of `shop/web`. */
export function podLogin(more: Partial<Login> = {}, pod: Pod = aPod()): Login {
  const { namespace, serviceAccount, serviceAccountUid, name, uid } = pod;
  return {
    identity: { namespace, serviceAccount, serviceAccountUid, pod: name, podUid: uid, proven: true },
    role: undefined,
    audience: undefined,
    token: async (wanted) => new SecretString(issuer.mint(pod, wanted).token),
    publishSecrets: new Map(),
    ...noCluster,
    ...more,
  };
}

/** https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token */
function metadataAnswer(request: IncomingMessage, entra: FakeEntra, asked: URLSearchParams[]): Answer {
  const url = new URL(request.url ?? '/', 'http://metadata');
  if (!/^\/metadata\/identity\/oauth2\/token\/?$/.test(url.pathname)) return { status: 404, body: {} };
  if (request.headers['metadata'] !== 'true') {
    return {
      status: 400,
      body: { error: 'invalid_request', error_description: 'Required metadata header not specified' },
    };
  }
  asked.push(url.searchParams);
  const clientId = url.searchParams.get('client_id') ?? client;
  if (!entra.apps.some((known) => known.clientId === clientId)) {
    return { status: 400, body: { error: 'invalid_request', error_description: 'Identity not found' } };
  }
  const resource = url.searchParams.get('resource') ?? '';
  const { body } = entra.issue(clientId, tenant, resource);
  const { access_token: token, expires_in: life } = body as { access_token: string; expires_in: number };
  const texts = { expires_in: String(life), expires_on: String(Math.floor(Date.now() / 1000) + life) };
  return { status: 200, body: { access_token: token, client_id: clientId, resource, token_type: 'Bearer', ...texts } };
}

function listener(answer: (request: IncomingMessage, body: string) => Promise<Answer>): RequestListener {
  return (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      answer(request, Buffer.concat(chunks).toString('utf8')).then(
        (found) => send(response, found),
        () => send(response, failure(500, 'InternalServerError', 'An internal error has occurred.')),
      );
    });
  };
}

function send(response: ServerResponse, { status, body, headers = {} }: Answer): void {
  response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8', ...headers });
  response.end(JSON.stringify(body));
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

function shut(server: Server & { closeAllConnections(): void }): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

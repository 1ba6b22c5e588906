import { createPublicKey, randomBytes, verify } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TokenIssuer } from './pod-token.ts';

/**
 * What of Google Cloud drongo does not have, after the public reference: regional secrets, aliases, checksums and permissions
 * (https://cloud.google.com/secret-manager/docs/reference/rest), Parameter Manager
 * (https://cloud.google.com/secret-manager/parameter-manager/docs/reference/rest), the token exchange
 * (https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token), impersonation
 * (https://cloud.google.com/iam/docs/reference/credentials/rest) and the metadata server
 * (https://cloud.google.com/compute/docs/metadata/predefined-metadata-keys). Errors have the envelope of
 * https://cloud.google.com/apis/design/errors. The token of a pod is really verified.
 */
export interface GcpCloud {
  readonly address: string;
  /** Template for `endpoint`: the service and location that were asked are in the path. */
  readonly endpoint: string;
  /** Secrets by resource name: payloads of version 1, 2, …; aliases of versions. */
  readonly secrets: Map<
    string,
    { versions: (string | Uint8Array)[]; aliases?: Record<string, number>; readers?: string[] }
  >;
  /** Rendered payloads by the resource name of the version. */
  readonly parameters: Map<string, string>;
  /** Google service accounts, and who may impersonate them; a chain of delegates is written with ` > `. */
  readonly accounts: Map<string, string[]>;
  /** What the metadata server knows, by path. */
  readonly metadata: Map<string, string>;
  /** Every request so far, as `exchange`, `impersonate EMAIL`, `access NAME`, `render NAME`, `metadata PATH`. */
  readonly requests: CloudRequest[];
  /** Answers the next requests that begin with `what` with this status, and body if told. */
  fail(what: string, status: number, times?: number, body?: object): void;
  count(what: string): number;
  /** No access token is accepted any more. */
  revokeAll(): void;
  /** Spoils payloads on their way. */
  damage: boolean;
  /** Seconds that tokens live. */
  tokenLife: number;
  close(): Promise<void>;
}

export interface CloudRequest {
  readonly what: string;
  /** Whose token it brought; undefined: it brought none that was issued here. */
  readonly as: string | undefined;
  /** `secretmanager/global`, as the path names it. */
  readonly service: string;
  readonly bearer: string;
}

interface Problem {
  readonly status: number;
  readonly body: object;
}

class Refusal extends Error {
  readonly problem: Problem;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.problem = { status, body: { error: { code: status, message, status: code } } };
  }
}

/** Tokens of `issuer` are exchanged at any pool of this audience. */
export async function startGcpCloud(issuer: TokenIssuer, poolAudience: string): Promise<GcpCloud> {
  const tokens = new Map<string, string>();
  const failures: { what: string; status: number; left: number; body: object | undefined }[] = [];
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const cloud: GcpCloud = {
    address,
    endpoint: `${address}/{service}/{location}`,
    secrets: new Map(),
    parameters: new Map(),
    accounts: new Map(),
    metadata: new Map(),
    requests: [],
    damage: false,
    tokenLife: 3600,
    fail: (what, status, times = 1, body) => void failures.push({ what, status, left: times, body }),
    count: (what) => cloud.requests.filter((one) => one.what.startsWith(what)).length,
    revokeAll: () => tokens.clear(),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const reply = handle(request, Buffer.concat(chunks).toString());
    const text = typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body);
    response.writeHead(reply.status, { 'content-type': 'application/json' }).end(text);
  }

  function handle(request: IncomingMessage, text: string): { status: number; body: object | string } {
    const path = decodeURIComponent(request.url ?? '');
    const bearer = (request.headers.authorization ?? '').replace('Bearer ', '');
    const what = nameOf(path);
    const service = /^\/([^/]+\/[^/]+)\/v1\//.exec(path)?.[1] ?? '';
    cloud.requests.push({ what, as: tokens.get(bearer), service, bearer });
    const failure = failures.find((one) => one.left > 0 && what.startsWith(one.what));
    if (failure !== undefined) {
      failure.left--;
      return { status: failure.status, body: failure.body ?? {} };
    }
    try {
      if (what.startsWith('metadata ')) return metadata(what.slice('metadata '.length), request);
      if (what === 'exchange') return { status: 200, body: exchange(JSON.parse(text)) };
      if (what.startsWith('impersonate '))
        return { status: 200, body: impersonate(what, who(bearer), JSON.parse(text)) };
      return { status: 200, body: read(what, who(bearer)) };
    } catch (thrown) {
      if (thrown instanceof Refusal) return thrown.problem;
      throw thrown;
    }
  }

  function metadata(path: string, request: IncomingMessage): { status: number; body: string } {
    const found = request.headers['metadata-flavor'] === 'Google' ? cloud.metadata.get(path) : undefined;
    return found === undefined ? { status: 404, body: 'not found' } : { status: 200, body: found };
  }

  function issue(principal: string): string {
    const token = `ya29.${randomBytes(40).toString('base64url')}`;
    tokens.set(token, principal);
    return token;
  }

  function who(bearer: string): string {
    const principal = tokens.get(bearer);
    if (principal === undefined) {
      throw new Refusal(401, 'UNAUTHENTICATED', 'Request had invalid authentication credentials.');
    }
    return principal;
  }

  function exchange(body: Record<string, string>): object {
    const claims = claimsOf(issuer, body['subject_token'] ?? '');
    const refuse = (description: string) => {
      const refusal = new Refusal(400, '', description);
      Object.assign(refusal.problem, { body: { error: 'invalid_grant', error_description: description } });
      return refusal;
    };
    if (body['grant_type'] !== 'urn:ietf:params:oauth:grant-type:token-exchange') throw refuse('bad grant type');
    if (claims === undefined) throw refuse('The signature of the ID Token is not valid.');
    if (body['audience'] !== poolAudience) throw refuse('Invalid value for "audience".');
    if (!claims.aud.some((audience) => poolAudience.split(':').includes(audience) || audience === poolAudience)) {
      throw refuse('The audience in ID Token does not match the expected audience.');
    }
    return { access_token: issue(claims.sub), token_type: 'Bearer', expires_in: cloud.tokenLife };
  }

  function impersonate(what: string, principal: string, body: { delegates?: string[] }): object {
    const email = what.slice('impersonate '.length);
    const chain = [principal, ...(body.delegates ?? [])].join(' > ');
    if (!cloud.accounts.get(email)?.includes(chain)) {
      const permission = "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).";
      throw new Refusal(403, 'PERMISSION_DENIED', permission);
    }
    const expireTime = new Date(Date.now() + cloud.tokenLife * 1000).toISOString();
    return { accessToken: issue(email), expireTime };
  }

  function read(what: string, principal: string): object {
    const [verb, name = ''] = what.split(' ');
    if (verb === 'render') {
      const payload = cloud.parameters.get(name);
      if (payload === undefined) throw new Refusal(404, 'NOT_FOUND', `Parameter Version [${name}] not found.`);
      return { parameterVersion: name, renderedPayload: Buffer.from(payload).toString('base64') };
    }
    const [secretName = '', wanted = ''] = name.split('/versions/');
    const secret = cloud.secrets.get(secretName);
    if (secret?.readers !== undefined && !secret.readers.includes(principal)) {
      const denied = `Permission 'secretmanager.versions.access' denied for resource '${name}' (or it may not exist).`;
      throw new Refusal(403, 'PERMISSION_DENIED', denied);
    }
    if (secret === undefined)
      throw new Refusal(404, 'NOT_FOUND', `Secret [${secretName}] not found or has no versions.`);
    const number = wanted === 'latest' ? secret.versions.length : (secret.aliases?.[wanted] ?? Number(wanted));
    const payload = secret.versions[number - 1];
    if (payload === undefined) throw new Refusal(404, 'NOT_FOUND', `Secret Version [${name}] not found.`);
    const bytes = Buffer.from(payload);
    const data = (cloud.damage ? Buffer.from('damaged') : bytes).toString('base64');
    return { name: `${secretName}/versions/${number}`, payload: { data, dataCrc32c: String(checksum(bytes)) } };
  }

  return cloud;
}

function nameOf(path: string): string {
  const verb = /\/v1\/(projects\/.+):(access|render|generateAccessToken)$/.exec(path);
  if (verb?.[2] === 'generateAccessToken') return `impersonate ${verb[1]?.split('/').at(-1)}`;
  if (verb !== null) return `${verb[2]} ${verb[1]}`;
  if (path.startsWith('/computeMetadata/v1/')) return `metadata ${path.slice('/computeMetadata/v1/'.length)}`;
  return path === '/token' ? 'exchange' : `other ${path}`;
}

function claimsOf(issuer: TokenIssuer, token: string): { sub: string; aud: string[] } | undefined {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const key = createPublicKey(issuer.publicKeyPem);
  const signed = Buffer.from(`${header}.${payload}`);
  if (!verify('RSA-SHA256', signed, key, Buffer.from(signature, 'base64url'))) return undefined;
  return JSON.parse(Buffer.from(payload, 'base64url').toString()) as { sub: string; aud: string[] };
}

/** CRC-32C bit by bit. */
function checksum(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}

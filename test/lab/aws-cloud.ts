import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AwsKeys, type Holder } from './aws-keys.ts';
import { podCredentials, type Roles, takeRole } from './aws-roles.ts';
import { isSigned, readSignature, signedAt } from './aws-signature.ts';
import { type Answer, AwsStores, denied, refusal } from './aws-stores.ts';
import type { TokenIssuer } from './pod-token.ts';

/**
 * What of AWS the emulators do not have, after the API references of Secrets Manager, Systems Manager and STS
 * (https://docs.aws.amazon.com/secretsmanager/latest/apireference, …/systems-manager/latest/APIReference,
 * …/STS/latest/APIReference) and the EKS user guide: identities that are really verified, permissions, limits, throttling, broken
 * regions, odd replies, and counts. Everything that is not allowed is denied.
 */
export interface AwsCloud extends Roles {
  /** `http://127.0.0.1:PORT` of all services, and of the Pod Identity agent. */
  readonly address: string;
  readonly stores: AwsStores;
  /** `secretsmanager:GetSecretValue eu-west-1 prod/*` by role; `*` stands for any text. */
  readonly allowed: Map<string, string[]>;
  /** Every request so far, as `GetSecretValue eu-west-1 prod/db`, `AssumeRole arn:…`, `PodIdentity shop/web`. */
  readonly requests: CloudRequest[];
  /** Answers the next requests that begin with `what` so. */
  fail(what: string, answer: CloudFault, times?: number): void;
  count(what: string): number;
  /** All credentials are unknown from now on. */
  revokeAll(): void;
  /** Seconds that credentials live. */
  credentialLife: number;
  /** Connections that clients hold open. */
  sockets(): number;
  close(): Promise<void>;
}

export interface CloudRequest {
  readonly what: string;
  /** Whose credentials signed it. */
  readonly as: Holder | undefined;
}

/** An exception of the service, any reply, or none at all. */
export type CloudFault =
  | {
      readonly status: number;
      readonly type: string;
      readonly message: string;
      readonly headers?: Record<string, string>;
    }
  | { readonly status: number; readonly body: string; readonly headers?: Record<string, string> }
  | 'close';

/** Tokens of `issuer` are those of the cluster. */
export async function startAwsCloud(issuer: TokenIssuer): Promise<AwsCloud> {
  const desk: Desk = { keys: new AwsKeys(), faults: [] };
  const sockets = new Set<object>();
  const server = createServer((request, response) => void serve(cloud, desk, request, response));
  server.keepAliveTimeout = 60_000;
  server.on('connection', (socket) => {
    socket.setNoDelay(true);
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cloud: AwsCloud = {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    issuer,
    trusts: new Map(),
    associations: new Map(),
    stores: new AwsStores(),
    allowed: new Map(),
    requests: [],
    credentialLife: 3600,
    fail: (what, answer, times = Number.POSITIVE_INFINITY) => void desk.faults.push({ what, answer, left: times }),
    count: (what) => cloud.requests.filter((request) => request.what.startsWith(what)).length,
    revokeAll: () => desk.keys.clear(),
    sockets: () => sockets.size,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return cloud;
}

/** What the services share behind the counter. */
interface Desk {
  readonly keys: AwsKeys;
  readonly faults: { readonly what: string; readonly answer: CloudFault; left: number }[];
}

async function serve(cloud: AwsCloud, desk: Desk, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const answer = answerTo(cloud, desk, request, Buffer.concat(chunks).toString('utf8'));
  if (answer === 'close') {
    request.socket.destroy();
    return;
  }
  const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
  response.writeHead(answer.status, { 'content-length': Buffer.byteLength(text), ...answer.headers });
  response.end(text);
}

function answerTo(cloud: AwsCloud, { keys, faults }: Desk, request: IncomingMessage, body: string): Answer | 'close' {
  const { headers, method = '', url = '/' } = request;
  const now = Date.now();
  const expires = now + cloud.credentialLife * 1000;
  const arrived = { method, url, headers, body };
  const signature = readSignature(arrived);
  const known = signature === undefined ? undefined : keys.holder(signature.accessKeyId);
  const isOwn = known !== undefined && headers['x-amz-security-token'] === known.sessionToken;
  const signed = isOwn && isSigned(arrived, known.secretAccessKey) ? known : undefined;
  const isInTime = Math.abs(now - signedAt(arrived)) <= 300_000;
  const holder = isInTime ? signed : undefined;
  const note = (what: string): CloudFault | undefined => {
    cloud.requests.push({ what, as: holder });
    const fault = faults.find((each) => each.left > 0 && what.startsWith(each.what));
    if (fault !== undefined) fault.left--;
    return fault?.answer;
  };
  if (url === '/v1/credentials') {
    const issue = (role: string) => keys.issue(role, 'pod-identity', expires);
    return podCredentials(cloud, String(headers['authorization'] ?? ''), (what) => toAnswer(note(what)), issue);
  }
  const target = headers['x-amz-target'];
  if (typeof target !== 'string') {
    const issue = (role: string, session: string) => keys.issue(role, session, expires);
    return takeRole(cloud, new URLSearchParams(body), holder, (what) => toAnswer(note(what), true), issue);
  }
  const operation = target.split('.').at(-1) ?? '';
  const input = JSON.parse(body) as Record<string, unknown>;
  const names = [input['SecretId'] ?? input['SecretIdList'] ?? input['Names']].flat().map(String);
  const { region = '', service = '' } = signature ?? {};
  const fault = toAnswer(note(`${operation} ${region} ${names.join(',')}`));
  if (fault !== undefined) return fault;
  if (signed !== undefined && !isInTime) {
    return refusal('InvalidSignatureException', 'Signature expired: it is not of the last five minutes.');
  }
  if (holder === undefined) {
    return refusal('UnrecognizedClientException', 'The security token included in the request is invalid.');
  }
  const mayDo = (action: string, name: string) =>
    (cloud.allowed.get(holder.role) ?? []).some((rule) => matches(rule, `${action} ${region} ${name}`));
  const action = `${service}:${operation}`;
  const wanted = operation === 'BatchGetSecretValue' ? ['*'] : names;
  const missing = wanted.find((name) => !mayDo(action, name));
  if (missing !== undefined) return denied(holder, action, missing);
  return cloud.stores.answer(operation, region, input, (name) => mayDo('secretsmanager:GetSecretValue', name));
}

function toAnswer(fault: CloudFault | undefined, isXml = false): Answer | 'close' | undefined {
  if (fault === undefined || fault === 'close') return fault;
  if ('body' in fault) return { ...fault, body: fault.body };
  const { status, type, message, headers = {} } = fault;
  if (!isXml) return { ...refusal(type, message, status), headers };
  const xml = `<ErrorResponse><Error><Type>Sender</Type><Code>${type}</Code><Message>${message}</Message></Error></ErrorResponse>`;
  return { status, body: xml, headers };
}

function matches(pattern: string, text: string): boolean {
  const [head = '', ...rest] = pattern.split('*');
  if (rest.length === 0) return pattern === text;
  return text.startsWith(head) && text.endsWith(rest.at(-1) ?? '') && text.length >= pattern.length - 1;
}

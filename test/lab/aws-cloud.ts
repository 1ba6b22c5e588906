import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AwsKeys, type Holder } from './aws-keys.ts';
import { podCredentials, type Roles, takeRole } from './aws-roles.ts';
import { isSigned, readSignature } from './aws-signature.ts';
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
  const keys = new AwsKeys();
  const faults: { what: string; answer: CloudFault; left: number }[] = [];
  const sockets = new Set<object>();
  const server = createServer((request, response) => void serve(request, response));
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
    fail: (what, answer, times = Number.POSITIVE_INFINITY) => void faults.push({ what, answer, left: times }),
    count: (what) => cloud.requests.filter((request) => request.what.startsWith(what)).length,
    revokeAll: () => keys.clear(),
    sockets: () => sockets.size,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString('utf8');
    const answer = answerTo(request, body);
    if (answer === 'close') {
      request.socket.destroy();
      return;
    }
    const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
    response.writeHead(answer.status, { 'content-length': Buffer.byteLength(text), ...answer.headers });
    response.end(text);
  }

  function answerTo(request: IncomingMessage, body: string): Answer | 'close' {
    const { headers, method = '', url = '/' } = request;
    const now = Date.now();
    const expires = now + cloud.credentialLife * 1000;
    const arrived = { method, url, headers, body };
    const signature = readSignature(arrived);
    const holder = signature === undefined ? undefined : keys.holder(signature.accessKeyId);
    const valid =
      holder !== undefined &&
      headers['x-amz-security-token'] === holder.sessionToken &&
      isSigned(arrived, holder.secretAccessKey, now);
    const noted = (what: string): CloudFault | undefined => {
      cloud.requests.push({ what, as: valid ? holder : undefined });
      const fault = faults.find((each) => each.left > 0 && what.startsWith(each.what));
      if (fault !== undefined) fault.left--;
      return fault?.answer;
    };
    if (url === '/v1/credentials') {
      return podCredentials(
        cloud,
        String(headers['authorization'] ?? ''),
        (what) => toAnswer(noted(what)),
        (role) => keys.issue(role, 'pod-identity', expires),
      );
    }
    const target = headers['x-amz-target'];
    if (typeof target !== 'string') {
      return takeRole(
        cloud,
        new URLSearchParams(body),
        valid ? holder : undefined,
        (what) => toAnswer(noted(what), true),
        (role, session) => keys.issue(role, session, expires),
      );
    }
    const operation = target.split('.').at(-1) ?? '';
    const input = JSON.parse(body) as Record<string, unknown>;
    const names = [input['SecretId'] ?? input['SecretIdList'] ?? input['Names']].flat().map(String);
    const region = signature?.region ?? '';
    const fault = toAnswer(noted(`${operation} ${region} ${names.join(',')}`));
    if (fault !== undefined) return fault;
    if (!valid) return refusal('UnrecognizedClientException', 'The security token included in the request is invalid.');
    const action = `${signature?.service}:${operation}`;
    const isAllowed = (resource: string) =>
      (cloud.allowed.get(holder.role) ?? []).some((rule) => matches(rule, `${action} ${region} ${resource}`));
    const wanted = operation === 'BatchGetSecretValue' ? ['*'] : names;
    const missing = wanted.find((name) => !isAllowed(name));
    if (missing !== undefined) return denied(holder, action, missing);
    return cloud.stores.answer(operation, region, input, (name) => {
      const rules = cloud.allowed.get(holder.role) ?? [];
      return rules.some((rule) => matches(rule, `secretsmanager:GetSecretValue ${region} ${name}`));
    });
  }
  return cloud;
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

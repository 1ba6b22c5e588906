import type { Pod } from './pod.ts';
import type { TokenIssuer } from './pod-token.ts';

/** What is in the cluster. Keys are `namespace/name`, or the name alone for nodes. */
export interface KubeObjects {
  issuer: TokenIssuer;
  /** Data as the API shows it, in base64; the rest of a created Secret as it was sent. */
  readonly secrets: Map<string, KubeSecret>;
  readonly pods: Map<string, Pod>;
  /** Those of the pods are there without being in here. */
  readonly serviceAccounts: Map<string, object>;
  readonly nodes: Map<string, object>;
  /** Bodies of created Events and of TokenRequests. */
  readonly events: KubeEvent[];
  readonly tokenRequests: TokenRequestBody[];
}

export interface KubeSecret {
  type?: string;
  immutable?: boolean;
  data: Record<string, string>;
}

export interface KubeEvent {
  metadata: { generateName: string; namespace: string };
  involvedObject: Record<string, string>;
  reason: string;
  type: string;
  message: string;
  source: Record<string, string>;
  firstTimestamp: string;
  count: number;
}

export interface TokenRequestBody {
  spec: {
    audiences: string[];
    expirationSeconds: number;
    boundObjectRef: { kind: string; apiVersion: string; name: string; uid: string };
  };
}

export interface KubeFailure {
  status: number;
  reason: string;
  message: string;
}

type Answer = { status: number; body: unknown } | KubeFailure;

/** `call` is `METHOD /path`. */
export function answerKubeCall(objects: KubeObjects, call: string, accept: string, body: string): Answer {
  const [method, url] = call.split(' ') as [string, string];
  const parts = url.slice(1).split('/').map(decodeURIComponent);
  const kind = parts[4];
  if (call === 'GET /openid/v1/jwks') return keySet(objects, accept);
  if (parts[0] !== 'api' || parts[1] !== 'v1') return notFound('the server could not find the requested resource');
  if (parts[2] === 'nodes') return named(objects.nodes, parts[3] ?? '', 'nodes');
  const [namespace, name] = [parts[3] ?? '', parts[5] ?? ''];
  const key = `${namespace}/${name}`;
  if (kind === 'secrets' && method === 'GET') return named(objects.secrets, key, 'secrets');
  if (kind === 'secrets' && method === 'POST') return createSecret(objects, namespace, body);
  if (kind === 'events' && method === 'POST') {
    const event = JSON.parse(body) as KubeEvent;
    objects.events.push(event);
    return { status: 201, body: event };
  }
  if (kind === 'serviceaccounts' && parts[6] === 'token') return issueToken(objects, key, body);
  if (kind === 'serviceaccounts' && method === 'GET') return named(objects.serviceAccounts, key, 'serviceaccounts');
  return notFound('the server could not find the requested resource');
}

/** A real API server has the key set as `application/jwk-set+json` only. */
function keySet(objects: KubeObjects, accept: string): Answer {
  if (/application\/jwk-set\+json|\*\/\*/.test(accept)) return { status: 200, body: objects.issuer.jwks };
  return { status: 406, reason: 'NotAcceptable', message: '406: Not Acceptable' };
}

function createSecret(objects: KubeObjects, namespace: string, body: string): Answer {
  const secret = JSON.parse(body) as KubeSecret & { metadata: { name: string } };
  const key = `${namespace}/${secret.metadata.name}`;
  if (objects.secrets.has(key)) {
    return { status: 409, reason: 'AlreadyExists', message: `secrets "${secret.metadata.name}" already exists` };
  }
  objects.secrets.set(key, secret);
  return { status: 201, body: secret };
}

/** The checks of `TokenREST.Create` (k8s.io/kubernetes v1.34, pkg/registry/core/serviceaccount/storage/token.go). */
function issueToken(objects: KubeObjects, account: string, body: string): Answer {
  const request = JSON.parse(body) as TokenRequestBody;
  objects.tokenRequests.push(request);
  const { audiences, expirationSeconds, boundObjectRef } = request.spec;
  const [namespace, serviceAccount] = account.split('/');
  const pod = objects.pods.get(`${namespace}/${boundObjectRef.name}`);
  if (pod === undefined) return notFound(`pods "${boundObjectRef.name}" not found`);
  if (pod.serviceAccount !== serviceAccount) {
    const message = `cannot bind token for serviceaccount "${serviceAccount}" to pod running with different serviceaccount name.`;
    return { status: 400, reason: 'BadRequest', message };
  }
  if (pod.uid !== boundObjectRef.uid) {
    const message = `the UID in the bound object reference (${boundObjectRef.uid}) does not match the UID in record`;
    return { status: 409, reason: 'Conflict', message };
  }
  const [audience = objects.issuer.issuer] = audiences;
  const { token, expirationTimestamp } = objects.issuer.mint(pod, audience, { ttl: expirationSeconds });
  return { status: 201, body: { ...request, kind: 'TokenRequest', status: { token, expirationTimestamp } } };
}

function named(objects: ReadonlyMap<string, object>, key: string, resource: string): Answer {
  const found = objects.get(key);
  const name = key.slice(key.indexOf('/') + 1);
  return found === undefined ? notFound(`${resource} "${name}" not found`) : { status: 200, body: found };
}

function notFound(message: string): KubeFailure {
  return { status: 404, reason: 'NotFound', message };
}

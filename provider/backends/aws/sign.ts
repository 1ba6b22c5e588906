import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto';
import type { Address } from '../../net/address.ts';

/** What signs requests until it expires. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

export interface Unsigned {
  readonly address: Address;
  readonly path: string;
  readonly service: string;
  readonly region: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * The headers of a POST request with those that prove who sends it: Signature Version 4
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html). `now` in milliseconds since 1970.
 */
export function signedHeaders(request: Unsigned, credentials: Credentials, now: number): Record<string, string> {
  const { address, path, service, region, body } = request;
  const time = new Date(now).toISOString().replace(/[-:]|\.\d+/g, '');
  const headers: Record<string, string> = {
    ...request.headers,
    Host: hostHeader(address),
    'X-Amz-Date': time,
    'X-Amz-Security-Token': credentials.sessionToken,
  };
  const entries = Object.entries(headers)
    .map(([name, value]) => [name.toLowerCase(), value.trim().replace(/ +/g, ' ')] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const names = entries.map(([name]) => name).join(';');
  const canonical = [
    'POST',
    address.prefix + path,
    '',
    ...entries.map(([name, value]) => `${name}:${value}`),
    '',
    names,
    sha256(body),
  ].join('\n');
  const scope = `${time.slice(0, 8)}/${region}/${service}/aws4_request`;
  const signature = hmac(
    keyOf(credentials, scope),
    `AWS4-HMAC-SHA256\n${time}\n${scope}\n${sha256(canonical)}`,
  ).toString('hex');
  const credential = `${credentials.accessKeyId}/${scope}`;
  return {
    ...headers,
    Authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names}, Signature=${signature}`,
  };
}

/** One key signs a whole day's requests to a service of a region. */
const keys = new WeakMap<Credentials, Map<string, KeyObject>>();

function keyOf(credentials: Credentials, scope: string): KeyObject {
  const known = keys.get(credentials) ?? new Map<string, KeyObject>();
  let key = known.get(scope);
  if (key === undefined) {
    const secret = createSecretKey(`AWS4${credentials.secretAccessKey}`, 'utf8');
    key = scope.split('/').reduce((each, part) => createSecretKey(hmac(each, part)), secret);
    keys.set(credentials, known.set(scope, key));
  }
  return key;
}

/** As Node and browsers write it: without the scheme's own port. */
function hostHeader({ scheme, host, port }: Address): string {
  const name = host.includes(':') ? `[${host}]` : host || 'localhost';
  return port === 0 || port === (scheme === 'https' ? 443 : 80) ? name : `${name}:${port}`;
}

function sha256(text: string): string {
  return hash('sha256', text, 'hex');
}

function hmac(key: KeyObject, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

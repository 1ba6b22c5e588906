import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** A request as it arrived. */
export interface Arrived {
  readonly method: string;
  /** With its query. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** What a valid Authorization header says. */
export interface Signature {
  readonly accessKeyId: string;
  readonly region: string;
  readonly service: string;
}

/** The parts of an Authorization header; undefined: it is none of Signature Version 4. */
export function readSignature({
  headers,
}: Arrived): (Signature & { signedNames: string[]; digest: string }) | undefined {
  const header = String(headers['authorization'] ?? '');
  const match =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      header,
    );
  if (match === null) return undefined;
  const [, accessKeyId = '', , region = '', service = '', names = '', digest = ''] = match;
  return { accessKeyId, region, service, signedNames: names.split(';'), digest };
}

/**
 * Is it what the owner of this key would send? Calculated anew from the specification
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html), for POST to `/` without a query.
 * Whatever its time: see `signedAt`.
 */
export function isSigned(arrived: Arrived, secretAccessKey: string): boolean {
  const found = readSignature(arrived);
  const date = String(arrived.headers['x-amz-date'] ?? '');
  if (found === undefined || Number.isNaN(signedAt(arrived))) return false;
  // What decides must be signed.
  const must = [
    'host',
    'x-amz-date',
    'x-amz-security-token',
    ...('x-amz-target' in arrived.headers ? ['x-amz-target'] : []),
  ];
  if (must.some((name) => !found.signedNames.includes(name))) return false;
  const { region, service } = found;
  const scope = [date.slice(0, 8), region, service, 'aws4_request'];
  const lines = found.signedNames.map((name) => `${name}:${String(arrived.headers[name] ?? '').trim()}\n`);
  const path = arrived.url.split('?', 1)[0] ?? '/';
  const canonical = [arrived.method, path, '', lines.join(''), found.signedNames.join(';'), sha256(arrived.body)].join(
    '\n',
  );
  const text = ['AWS4-HMAC-SHA256', date, scope.join('/'), sha256(canonical)].join('\n');
  const key = scope.reduce<string | Buffer>((each, part) => hmac(each, part), `AWS4${secretAccessKey}`);
  return timingSafeEqual(Buffer.from(found.digest, 'hex'), hmac(key, text));
}

/** The time in a request, milliseconds since 1970; NaN for one without. */
export function signedAt({ headers }: Arrived): number {
  const date = String(headers['x-amz-date'] ?? '');
  return Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

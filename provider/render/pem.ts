import { X509Certificate } from 'node:crypto';

/** One block of PEM (RFC 7468). */
export interface PemBlock {
  /** `CERTIFICATE`, `PRIVATE KEY`. */
  readonly label: string;
  readonly der: Buffer;
}

/** A block as Go and OpenSSL write it: lines of 64 characters, a line end after the last. */
export function toPem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.map((line) => `${line}\n`).join('')}-----END ${label}-----\n`;
}

/** The blocks of a text, whatever stands between them. Broken blocks are left out, as Go's pem.Decode does. */
export function readPem(text: string): PemBlock[] {
  const blocks: PemBlock[] = [];
  const begin = '-----BEGIN ';
  let end = 0;
  for (let at = text.indexOf(begin); at !== -1 && end !== -1; at = text.indexOf(begin, at + 1)) {
    const head = /^-----BEGIN ([A-Z0-9 ]{1,64})-----\s/.exec(text.slice(at, at + 100));
    if (head === null) continue;
    const [{ length }, label = ''] = head;
    // Searched for once however many begin before it: the text may be long and made to be slow.
    if (end <= at) end = text.indexOf('-----END ', at);
    if (end === -1 || !text.startsWith(`-----END ${label}-----`, end)) continue;
    const body = withoutHeaders(text.slice(at + length, end)).replace(/\s+/g, '');
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(body) || body.length % 4 !== 0) continue;
    blocks.push({ label, der: Buffer.from(body, 'base64') });
  }
  return blocks;
}

/** `Proc-Type: 4,ENCRYPTED` and the like, up to an empty line. */
function withoutHeaders(body: string): string {
  const empty = body.search(/\n\s*\n/);
  return empty !== -1 && body.slice(0, empty).includes(':') ? body.slice(empty) : body;
}

/** The certificates of a PEM text, and everything else, which in a certificate's secret is its key. */
export function splitPem(text: string): { certificates: string; key: string } {
  const parts = { certificates: '', key: '' };
  for (const { label, der } of readPem(text)) {
    parts[label === 'CERTIFICATE' ? 'certificates' : 'key'] += toPem(label, der);
  }
  return parts;
}

/** More would be no chain, and each is compared with all others. */
const longestChain = 32;

/**
 * Certificates in the order server, intermediates, root. One that belongs to no chain with the others, or that is no certificate,
 * leaves all of them as they were.
 */
export function orderChain(certificates: readonly Buffer[]): readonly Buffer[] {
  if (certificates.length < 2 || certificates.length > longestChain) return certificates;
  let parsed: { der: Buffer; x509: X509Certificate }[];
  try {
    parsed = certificates.map((der) => ({ der, x509: new X509Certificate(der) }));
  } catch {
    return certificates;
  }
  // By name and key identifiers, as OpenSSL finds an issuer.
  const issuers = parsed.map((one) => parsed.find((other) => other !== one && one.x509.checkIssued(other.x509)));
  let next = parsed.find((one) => !issuers.includes(one));
  const chain: Buffer[] = [];
  while (next !== undefined && chain.length <= certificates.length) {
    chain.push(next.der);
    next = issuers[parsed.indexOf(next)];
  }
  return chain.length === certificates.length ? chain : certificates;
}

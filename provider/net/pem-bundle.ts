import { X509Certificate } from 'node:crypto';

/** The certificates of a PEM bundle, each on its own, and what of it was left out. */
export interface PemBundle {
  /** PEM, one certificate each, in the order of the bundle. */
  readonly certificates: readonly string[];
  /** Blocks that are no certificate that can be read: broken ones, revocation lists, keys. */
  readonly leftOut: number;
}

const begin = '-----BEGIN ';
const end = '-----END ';
const dashes = '-----';

/** `X509 CERTIFICATE` is the old name, which OpenSSL still takes. */
const labels: ReadonlySet<string> = new Set(['CERTIFICATE', 'X509 CERTIFICATE']);

/**
 * Reads as Go's AppendCertsFromPEM does, block by block: https://pkg.go.dev/crypto/x509#CertPool.AppendCertsFromPEM. OpenSSL stops
 * at the first block that it cannot read, and every CA after it is lost without a word. Text around the blocks, Windows line ends
 * and a byte order mark do not matter. Never throws.
 */
export function readPemBundle(text: string): PemBundle {
  const certificates: string[] = [];
  let leftOut = 0;
  for (const { label, base64 } of blocksOf(text)) {
    const certificate = labels.has(label) ? certificateOf(base64) : undefined;
    if (certificate === undefined) leftOut++;
    else certificates.push(certificate);
  }
  return { certificates, leftOut };
}

interface Block {
  readonly label: string;
  readonly base64: string;
}

/** A block that has no end goes up to the next one's beginning. */
function* blocksOf(text: string): Generator<Block> {
  let block: { label: string; base64: string } | undefined;
  for (const raw of text.replace(/^\uFEFF/, '').split('\n')) {
    const line = raw.trimEnd();
    if (line.startsWith(begin) && line.endsWith(dashes)) {
      if (block !== undefined) yield { ...block, base64: '' };
      block = { label: line.slice(begin.length, -dashes.length), base64: '' };
    } else if (block !== undefined && line.startsWith(end)) {
      const whole = line === `${end}${block.label}${dashes}`;
      yield whole ? block : { ...block, base64: '' };
      block = undefined;
    } else if (block !== undefined) block.base64 += line;
  }
  if (block !== undefined) yield { ...block, base64: '' };
}

// Buffer skips what is no base64, and headers such as `Proc-Type` with it.
function certificateOf(base64: string): string | undefined {
  if (base64 === '' || /[^A-Za-z0-9+/=\s]/.test(base64)) return undefined;
  try {
    return new X509Certificate(Buffer.from(base64, 'base64')).toString();
  } catch {
    return undefined;
  }
}

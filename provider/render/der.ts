/** One element of DER (ITU-T X.690), the encoding of certificates, keys and PKCS#12. */
export interface DerNode {
  /** The identifier octet: 0x30 SEQUENCE, 0x04 OCTET STRING, 0xa0 [0] constructed. */
  readonly tag: number;
  readonly content: Buffer;
  /** The element with its identifier and length. */
  readonly whole: Buffer;
}

/** Bytes that are no DER. Says nothing of what they are. */
export class DerError extends Error {}

/** The element that these bytes are. What follows it is refused. */
export function readDer(bytes: Buffer): DerNode {
  const node = readAt(bytes, 0);
  if (node.whole.length !== bytes.length) throw new DerError('something follows its end');
  return node;
}

/** The elements inside a constructed one. */
export function childrenOf(node: DerNode | undefined, tag = 0x30): DerNode[] {
  const { content } = expectTag(node, tag);
  const children: DerNode[] = [];
  for (let at = 0; at < content.length; ) {
    const child = readAt(content, at);
    children.push(child);
    at += child.whole.length;
  }
  return children;
}

/** The content of an element that must have this tag. */
export function contentOf(node: DerNode | undefined, tag: number): Buffer {
  return expectTag(node, tag).content;
}

/** An OBJECT IDENTIFIER in its dotted form. */
export function readOid(node: DerNode | undefined): string {
  const bytes = contentOf(node, 0x06);
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of bytes) {
    arc = arc * 128 + (byte & 0x7f);
    if (!Number.isSafeInteger(arc)) throw new DerError('an object identifier is too long');
    if ((byte & 0x80) !== 0) continue;
    arcs.push(arc);
    arc = 0;
  }
  const [first = 0, ...rest] = arcs;
  const top = Math.min(2, Math.floor(first / 40));
  return [top, first - top * 40, ...rest].join('.');
}

/** An INTEGER that counts something: not negative, at most six bytes. */
export function readCount(node: DerNode | undefined): number {
  const bytes = contentOf(node, 0x02);
  const [first = 0x80] = bytes;
  if (bytes.length > 6 || (first & 0x80) !== 0) throw new DerError('a number is out of range');
  return bytes.readUIntBE(0, bytes.length);
}

function expectTag(node: DerNode | undefined, tag: number): DerNode {
  if (node?.tag === tag) return node;
  throw new DerError('an element is missing or of another kind');
}

function readAt(bytes: Buffer, at: number): DerNode {
  const tag = bytes[at];
  const short = bytes[at + 1];
  if (tag === undefined || short === undefined) throw new DerError('it is cut off');
  if ((tag & 0x1f) === 0x1f) throw new DerError('it has a tag of several bytes');
  let start = at + 2;
  let length = short;
  if (short > 0x80) {
    const digits = short & 0x7f;
    if (digits > 4 || start + digits > bytes.length) throw new DerError('a length is out of range');
    length = bytes.readUIntBE(start, digits);
    start += digits;
  } else if (short === 0x80) throw new DerError('a length is indefinite (BER)');
  const end = start + length;
  if (end > bytes.length) throw new DerError('it is cut off');
  return { tag, content: bytes.subarray(start, end), whole: bytes.subarray(at, end) };
}

import { hash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';

export type DerivedFor = 'key' | 'iv' | 'mac';

const ids: Readonly<Record<DerivedFor, number>> = { key: 1, iv: 2, mac: 3 };

export interface Derivation {
  readonly id: DerivedFor;
  /** As PKCS#12 writes it: UTF-16 with two zero bytes at its end. */
  readonly password: Buffer;
  readonly salt: Buffer;
  readonly rounds: number;
  /** Bytes that are wanted. */
  readonly length: number;
  /** As OpenSSL names it. */
  readonly digest: string;
}

/** Rounds after which others get their turn: some three milliseconds. */
const slice = 4096;

/** Hashes that a derivation takes. */
export function roundsOf(rounds: number, length: number, digest: string): number {
  return rounds * Math.ceil(length / sizeOf(digest));
}

/** The key derivation of PKCS#12 itself (RFC 7292, appendix B.2). */
export async function deriveKey({ id, password, salt, rounds, length, digest }: Derivation): Promise<Buffer> {
  const block = digest === 'sha384' || digest === 'sha512' ? 128 : 64;
  const diversifier = Buffer.alloc(block, ids[id]);
  const input = Buffer.concat([fill(salt, block), fill(password, block)]);
  const derived: Buffer[] = [];
  for (let have = 0; have < length; have += sizeOf(digest)) {
    let part = hash(digest, Buffer.concat([diversifier, input]), 'buffer');
    for (let round = 1; round < rounds; round++) {
      part = hash(digest, part, 'buffer');
      if (round % slice === 0) await setImmediate();
    }
    derived.push(part);
    const addend = fill(part, block).subarray(0, block);
    for (let at = 0; at < input.length; at += block) addOneAnd(input.subarray(at, at + block), addend);
  }
  return Buffer.concat(derived).subarray(0, length);
}

function sizeOf(digest: string): number {
  return hash(digest, '', 'buffer').length;
}

/** Repeated to a whole number of blocks; nothing stays nothing. */
function fill(bytes: Buffer, block: number): Buffer {
  return Buffer.alloc(Math.ceil(bytes.length / block) * block, bytes.length === 0 ? 0 : bytes);
}

/** target + addend + 1, as one big number, without what is carried out of it. */
function addOneAnd(target: Buffer, addend: Buffer): void {
  let carry = 1;
  for (let at = target.length - 1; at >= 0; at--) {
    const sum = (target[at] ?? 0) + (addend[at] ?? 0) + carry;
    target[at] = sum & 255;
    carry = sum >> 8;
  }
}

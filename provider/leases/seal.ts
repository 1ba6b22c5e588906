import { createCipheriv, createDecipheriv } from 'node:crypto';

/**
 * A record as it lies on disk: `KMLS`, one byte for the schema, 12 bytes of nonce, the AES-256-GCM ciphertext, 16 bytes of tag.
 * The head and the file's name are authenticated with it, so a file under another's name or with another head opens for nobody.
 */
export interface Sealer {
  readonly seal: (name: string, plain: Buffer) => Buffer;
  readonly open: (name: string, sealed: Buffer) => { readonly plain: Buffer } | { readonly problem: string };
}

const magic = Buffer.from('KMLS', 'latin1');
/** Another one is only for changes that this reader would misunderstand. */
const schema = 1;
const nonceSize = 12;
const tagSize = 16;
const headSize = magic.length + 1;

/** What sealing adds to a record, in bytes. */
export const sealSize = headSize + nonceSize + tagSize;

/** `key`: 32 bytes. A random nonce each time is safe for 2^32 writes under one key (NIST SP 800-38D §8.3). */
export function createSealer(key: Buffer, randomBytes: (size: number) => Buffer): Sealer {
  const head = Buffer.concat([magic, Buffer.from([schema])]);
  const authenticated = (name: string) => Buffer.concat([head, Buffer.from(name, 'utf8')]);
  return {
    seal(name, plain) {
      const nonce = randomBytes(nonceSize);
      const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: tagSize });
      cipher.setAAD(authenticated(name));
      return Buffer.concat([head, nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    },
    open(name, sealed) {
      if (sealed.length < sealSize) return { problem: 'it was cut off' };
      if (!sealed.subarray(0, magic.length).equals(magic)) return { problem: 'it is no record of keymount' };
      const found = sealed[magic.length] as number;
      if (found > schema) return { problem: `a newer keymount wrote it (schema ${found}, this one reads ${schema})` };
      if (found < schema) return { problem: `its schema ${found} is unknown` };
      const nonce = sealed.subarray(headSize, headSize + nonceSize);
      const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagSize });
      decipher.setAAD(authenticated(name));
      decipher.setAuthTag(sealed.subarray(sealed.length - tagSize));
      try {
        const body = sealed.subarray(headSize + nonceSize, sealed.length - tagSize);
        return { plain: Buffer.concat([decipher.update(body), decipher.final()]) };
      } catch {
        return { problem: 'it is damaged, or was sealed under another node key' };
      }
    },
  };
}

import { createDecipheriv, createHmac, createPrivateKey, pbkdf2, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { KeymountError } from '../errors.ts';
import { childrenOf, contentOf, DerError, type DerNode, readCount, readDer, readOid } from './der.ts';
import { type DerivedFor, deriveKey, roundsOf } from './pkcs12-key.ts';
import { decryptRc2 } from './rc2.ts';

/** What a PKCS#12 file (RFC 7292) holds, in its order. */
export interface Pkcs12 {
  /** As PKCS#8, DER. */
  readonly keys: readonly Buffer[];
  /** X.509, DER. */
  readonly certificates: readonly Buffer[];
}

/** Larger files are refused: a Key Vault secret has at most 25 kB, and the bags are walked one by one. */
const largest = 256 * 1024;
const mostBags = 64;
const deepest = 4;
/**
 * Rounds of all key derivations of a file together. PBKDF2 runs beside the event loop, the older derivation on it, in slices. Windows
 * writes 2000 for each, OpenSSL 2048: some 14,000 for a file of the older kind.
 */
const mostRounds = { pbkdf2: 1_000_000, pkcs12: 60_000 };

const oid = {
  data: '1.2.840.113549.1.7.1',
  encryptedData: '1.2.840.113549.1.7.6',
  keyBag: '1.2.840.113549.1.12.10.1.1',
  shroudedKeyBag: '1.2.840.113549.1.12.10.1.2',
  certBag: '1.2.840.113549.1.12.10.1.3',
  safeContentsBag: '1.2.840.113549.1.12.10.1.6',
  x509Certificate: '1.2.840.113549.1.9.22.1',
  pbes2: '1.2.840.113549.1.5.13',
  pbkdf2: '1.2.840.113549.1.5.12',
} as const;

const digests: Readonly<Record<string, string>> = {
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};
/** Of PBKDF2: HMAC with. */
const prfs: Readonly<Record<string, string>> = {
  '1.2.840.113549.2.7': 'sha1',
  '1.2.840.113549.2.9': 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
};
const ciphers: Readonly<Record<string, { name: string; keyLength: number }>> = {
  '2.16.840.1.101.3.4.1.2': { name: 'aes-128-cbc', keyLength: 16 },
  '2.16.840.1.101.3.4.1.22': { name: 'aes-192-cbc', keyLength: 24 },
  '2.16.840.1.101.3.4.1.42': { name: 'aes-256-cbc', keyLength: 32 },
  '1.2.840.113549.3.7': { name: 'des-ede3-cbc', keyLength: 24 },
};
/** Of PKCS#12 itself, all with SHA-1. */
const oldCiphers: Readonly<Record<string, { name: 'des-ede3-cbc' | 'des-ede-cbc' | 'rc2'; keyLength: number }>> = {
  '1.2.840.113549.1.12.1.3': { name: 'des-ede3-cbc', keyLength: 24 },
  '1.2.840.113549.1.12.1.4': { name: 'des-ede-cbc', keyLength: 16 },
  '1.2.840.113549.1.12.1.5': { name: 'rc2', keyLength: 16 },
  '1.2.840.113549.1.12.1.6': { name: 'rc2', keyLength: 5 },
};

const derive = promisify(pbkdf2);

/** Keys and certificates of a file without a password, which is what Key Vault gives. Throws `value-invalid`. */
export async function readPkcs12(bytes: Buffer): Promise<Pkcs12> {
  if (bytes.length > largest) throw unreadable(`it has more than ${largest / 1024} KiB`);
  try {
    return await new Reader().read(bytes);
  } catch (thrown) {
    if (thrown instanceof KeymountError) throw thrown;
    // OpenSSL's words for what does not decrypt say nothing that the author could use.
    throw unreadable(thrown instanceof DerError ? thrown.message : 'it cannot be decrypted without a password');
  }
}

function unreadable(reason: string): KeymountError {
  return new KeymountError('value-invalid', 'the value is no PKCS#12 file that can be read', {
    reason,
    hint: 'mount it as it is (objectFormat: pfx), or import the certificate anew without a password',
  });
}

class Reader {
  readonly #keys: Buffer[] = [];
  readonly #certificates: Buffer[] = [];
  /** An empty password is written in two ways, as two zero bytes or as none; the MAC tells which. */
  #password: Buffer = Buffer.alloc(2);
  #rounds = { pbkdf2: 0, pkcs12: 0 };
  #bags = 0;

  async read(bytes: Buffer): Promise<Pkcs12> {
    const [, authSafe, mac] = childrenOf(readDer(bytes));
    const content = dataOf(authSafe);
    if (mac !== undefined) await this.#verify(mac, content);
    for (const info of childrenOf(readDer(content))) {
      const [type, value] = childrenOf(info);
      const safe = readOid(type) === oid.encryptedData ? await this.#decryptInfo(value) : dataOf(info);
      await this.#readBags(readDer(safe), 0);
    }
    return { keys: this.#keys, certificates: this.#certificates };
  }

  async #readBags(safe: DerNode, depth: number): Promise<void> {
    if (depth > deepest) throw new DerError('its bags are nested too deeply');
    for (const bag of childrenOf(safe)) {
      if (++this.#bags > mostBags) throw new DerError(`it has more than ${mostBags} entries`);
      const [type, wrapped] = childrenOf(bag);
      const value = readDer(contentOf(wrapped, 0xa0));
      switch (readOid(type)) {
        case oid.keyBag:
          this.#keys.push(toPkcs8(value.whole));
          break;
        case oid.shroudedKeyBag: {
          const [algorithm, encrypted] = childrenOf(value);
          this.#keys.push(toPkcs8(await this.#decrypt(algorithm, contentOf(encrypted, 0x04))));
          break;
        }
        case oid.certBag: {
          const [kind, certificate] = childrenOf(value);
          if (readOid(kind) !== oid.x509Certificate) break;
          this.#certificates.push(contentOf(readDer(contentOf(certificate, 0xa0)), 0x04));
          break;
        }
        case oid.safeContentsBag:
          await this.#readBags(value, depth + 1);
      }
    }
  }

  /** The MAC guards against damage and wrong passwords; one that is not known is left unverified. */
  async #verify(mac: DerNode, content: Buffer): Promise<void> {
    const [info, salt, iterations] = childrenOf(mac);
    const [algorithm, expected] = childrenOf(info);
    const digest = digests[readOid(childrenOf(algorithm)[0])];
    if (digest === undefined) return;
    const rounds = iterations === undefined ? 1 : readCount(iterations);
    for (const password of [Buffer.alloc(2), Buffer.alloc(0)]) {
      this.#password = password;
      const length = contentOf(expected, 0x04).length;
      const key = await this.#deriveOld('mac', contentOf(salt, 0x04), rounds, length, digest);
      const actual = createHmac(digest, key).update(content).digest();
      if (actual.length === length && timingSafeEqual(actual, contentOf(expected, 0x04))) return;
    }
    throw unreadable('it has a password, or is damaged');
  }

  async #decryptInfo(value: DerNode | undefined): Promise<Buffer> {
    const [, info] = childrenOf(readDer(contentOf(value, 0xa0)));
    const [, algorithm, encrypted] = childrenOf(info);
    return await this.#decrypt(algorithm, contentOf(encrypted, 0x80));
  }

  async #decrypt(algorithm: DerNode | undefined, data: Buffer): Promise<Buffer> {
    const [name, parameters] = childrenOf(algorithm);
    const scheme = readOid(name);
    if (scheme === oid.pbes2) return await this.#decryptPbes2(parameters, data);
    const cipher = oldCiphers[scheme];
    if (cipher === undefined) throw unreadable(`its encryption (${scheme}) is not known`);
    const [salt, iterations] = childrenOf(parameters);
    const rounds = readCount(iterations);
    const key = await this.#deriveOld('key', contentOf(salt, 0x04), rounds, cipher.keyLength, 'sha1');
    const iv = await this.#deriveOld('iv', contentOf(salt, 0x04), rounds, 8, 'sha1');
    if (cipher.name === 'rc2') return unpad(decryptRc2(data, key, iv));
    // Two keys: the first comes again as the third.
    const long = cipher.name === 'des-ede-cbc' ? Buffer.concat([key, key.subarray(0, 8)]) : key;
    return decipher('des-ede3-cbc', long, iv, data);
  }

  async #decryptPbes2(parameters: DerNode | undefined, data: Buffer): Promise<Buffer> {
    const [kdf, encryption] = childrenOf(parameters).map((node) => childrenOf(node));
    const [cipherName, iv] = encryption ?? [];
    const cipher = ciphers[readOid(cipherName)];
    if (cipher === undefined) throw unreadable(`its cipher (${readOid(cipherName)}) is not known`);
    const [kdfName, kdfParameters] = kdf ?? [];
    if (readOid(kdfName) !== oid.pbkdf2) throw unreadable(`its key derivation (${readOid(kdfName)}) is not known`);
    const [salt, iterations, ...rest] = childrenOf(kdfParameters);
    const prf = rest.find(({ tag }) => tag === 0x30);
    const digest = prf === undefined ? 'sha1' : prfs[readOid(childrenOf(prf)[0])];
    if (digest === undefined) throw unreadable('the hash of its key derivation is not known');
    const rounds = this.#count('pbkdf2', readCount(iterations));
    const key = await derive('', contentOf(salt, 0x04), rounds, cipher.keyLength, digest);
    return decipher(cipher.name, key, contentOf(iv, 0x04), data);
  }

  #deriveOld(id: DerivedFor, salt: Buffer, rounds: number, length: number, digest: string): Promise<Buffer> {
    this.#count('pkcs12', roundsOf(rounds, length, digest));
    return deriveKey({ id, password: this.#password, salt, rounds, length, digest });
  }

  #count(kind: 'pbkdf2' | 'pkcs12', rounds: number): number {
    this.#rounds[kind] += rounds;
    if (rounds >= 1 && this.#rounds[kind] <= mostRounds[kind]) return rounds;
    throw unreadable(`its key derivation takes more than ${mostRounds[kind]} rounds`);
  }
}

function decipher(name: string, key: Buffer, iv: Buffer, data: Buffer): Buffer {
  const running = createDecipheriv(name, key, iv);
  return Buffer.concat([running.update(data), running.final()]);
}

function unpad(plain: Buffer): Buffer {
  const padding = plain.at(-1) ?? 0;
  const wrong = padding < 1 || padding > 8 || plain.subarray(-padding).some((byte) => byte !== padding);
  if (wrong) throw unreadable('it cannot be decrypted without a password');
  return plain.subarray(0, -padding);
}

function dataOf(info: DerNode | undefined): Buffer {
  const [type, value] = childrenOf(info);
  if (readOid(type) !== oid.data) throw new DerError('it is signed or encrypted for a certificate');
  return contentOf(readDer(contentOf(value, 0xa0)), 0x04);
}

/** As OpenSSL writes it: without the attributes that Windows adds. */
function toPkcs8(der: Buffer): Buffer {
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ format: 'der', type: 'pkcs8' });
}

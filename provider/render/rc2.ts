/** The PITABLE of RFC 2268, section 2. */
const table = Buffer.from(
  'd978f9c419ddb5ed28e9fd794aa0d89dc67e37832b76538e624c6488448bfba2179a59f587b34f1361456d8d09817d32' +
    'bd8f40eb86b77b0bf09521225c6b4e8254d66593ce60b21c7356c014a78cf1dc1275ca1f3bbee4d1423dd430a33cb626' +
    '6fbf0eda4669075727f21d9bbc944303f811c7f690ef3ee706c3d52fc8661ed708e8eade8052eef784aa72ac354d6a2a' +
    '961ad2715a1549744b9fd05e0418a4ecc2e0416e0f51cbcc2491af50a1f47039997c3a8523b8b47afc02365b25559731' +
    '2d5dfa98e38a92ae05df2910676cbac9d300e6cfe19ea82c6316013f58e289a90d38341bab33ffb0bb480c5fb9b1cd2e' +
    'c5f3db47e5a59c770aa62068fe7fc1ad',
  'hex',
);

/**
 * RC2 in CBC mode (RFC 2268), decrypting only, without the padding removed. Old PKCS#12 files have it and OpenSSL 3 leaves it out.
 * The effective bits are those of the key, as PKCS#12 has it.
 */
export function decryptRc2(data: Buffer, key: Buffer, iv: Buffer): Buffer {
  const words = expandKey(key);
  const plain = Buffer.alloc(data.length);
  let before = iv;
  for (let at = 0; at + 8 <= data.length; at += 8) {
    const block = data.subarray(at, at + 8);
    const decrypted = decryptBlock(block, words);
    for (let i = 0; i < 8; i++) plain[at + i] = (decrypted[i] ?? 0) ^ (before[i] ?? 0);
    before = block;
  }
  return plain;
}

function expandKey(key: Buffer): Uint16Array {
  const bytes = Buffer.alloc(128);
  key.copy(bytes);
  const look = (index: number) => table[index & 255] ?? 0;
  const at = (index: number) => bytes[index] ?? 0;
  for (let i = key.length; i < 128; i++) bytes[i] = look(at(i - 1) + at(i - key.length));
  bytes[128 - key.length] = look(at(128 - key.length));
  for (let i = 127 - key.length; i >= 0; i--) bytes[i] = look(at(i + 1) ^ at(i + key.length));
  return Uint16Array.from({ length: 64 }, (_, i) => bytes.readUInt16LE(2 * i));
}

const rotations = [1, 2, 3, 5] as const;

function decryptBlock(block: Buffer, key: Uint16Array): Buffer {
  const r = Uint16Array.from({ length: 4 }, (_, i) => block.readUInt16LE(2 * i));
  const word = (i: number) => r[i & 3] ?? 0;
  let next = 63;
  const mix = () => {
    for (let i = 3; i >= 0; i--) {
      const s = rotations[i] ?? 0;
      const rotated = (word(i) >>> s) | (word(i) << (16 - s));
      r[i] = rotated - (key[next--] ?? 0) - (word(i + 3) & word(i + 2)) - (~word(i + 3) & word(i + 1));
    }
  };
  const mash = () => {
    for (let i = 3; i >= 0; i--) r[i] = word(i) - (key[word(i + 3) & 63] ?? 0);
  };
  for (const rounds of [5, 6, 5]) {
    for (let i = 0; i < rounds; i++) mix();
    if (next >= 0) mash();
  }
  const out = Buffer.alloc(8);
  r.forEach((value, i) => {
    out.writeUInt16LE(value, 2 * i);
  });
  return out;
}

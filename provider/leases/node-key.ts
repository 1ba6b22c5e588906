import { promises as fs } from 'node:fs';
import path from 'node:path';
import { codeOf, makePrivate, readBounded, writeWhole } from './whole-file.ts';

const size = 32;
const fileName = 'node.key';

/**
 * The key under which the state of this node is sealed: 32 random bytes in a directory of their own (0700, the file 0600), so
 * that a copy of the state alone is worth nothing. Made at the first start, and anew where it is of no use: what was sealed
 * under the old one is lost then, and `onReplaced` says why. Throws what the disk throws.
 */
export async function openNodeKey(
  dir: string,
  randomBytes: (size: number) => Buffer,
  onReplaced: (file: string, reason: string) => void,
): Promise<Buffer> {
  await makePrivate(dir);
  const file = path.join(dir, fileName);
  const found = await readKey(file);
  if (Buffer.isBuffer(found)) {
    await fs.chmod(file, 0o600);
    return found;
  }
  if (found !== undefined) {
    await fs.rm(file, { recursive: true, force: true });
    onReplaced(fileName, found);
  }
  const key = randomBytes(size);
  await writeWhole(file, key);
  return key;
}

/** The key, what is wrong with it, or undefined where there is none. */
async function readKey(file: string): Promise<Buffer | string | undefined> {
  try {
    const found = await readBounded(file, size);
    return found === undefined || found.length === size ? found : `it has ${found.length} bytes instead of ${size}`;
  } catch (error) {
    // Anything else may pass, and a new key would lose all that there is.
    if (codeOf(error) === 'EFBIG') return `it has more than ${size} bytes`;
    if (codeOf(error) === 'EISDIR') return 'it is a directory';
    throw error;
  }
}

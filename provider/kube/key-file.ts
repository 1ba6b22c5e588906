import { promises as fs } from 'node:fs';
import path from 'node:path';

/**
 * Remembered version keys: one file a key in the state directory, 0600, the key in base64. The directory has one owner, so
 * nobody else writes at the same time.
 */
export interface KeyFiles {
  /** undefined: not there. Throws if it is there and unusable. */
  readonly read: (name: string) => Promise<Buffer | undefined>;
  /** Whole or not at all. */
  readonly write: (name: string, key: Buffer) => Promise<void>;
}

export function createKeyFiles(stateDir: string): KeyFiles {
  const fileOf = (name: string) => path.join(stateDir, `version-key.${name}`);
  return {
    async read(name) {
      let text: string;
      try {
        text = await fs.readFile(fileOf(name), 'utf8');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
      const key = Buffer.from(text, 'base64');
      if (key.length === 0 || `${key.toString('base64')}\n` !== text) throw new Error('not a version key file');
      return key;
    },
    async write(name, key) {
      const file = fileOf(name);
      const draft = `${file}.new`;
      await fs.rm(draft, { force: true });
      const handle = await fs.open(draft, 'wx', 0o600);
      try {
        await handle.writeFile(`${key.toString('base64')}\n`);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await fs.rename(draft, file);
    },
  };
}

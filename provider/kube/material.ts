import { type BigIntStats, promises as fs } from 'node:fs';
import { KubeError, noAnswer } from './kube-error.ts';

/** A token, certificate or key: its content, or the file that has it and may be replaced at any time. */
export type Material = { readonly data: string } | { readonly file: string };

/** Larger files are no tokens or certificates. */
const largestFile = 1024 * 1024;

/** Gives the present content of a Material; a file is read again when it was replaced or written. */
export interface MaterialReader {
  /** Throws KubeError `BadCredentials`. */
  readonly read: (material: Material) => Promise<string>;
}

interface Remembered {
  readonly stamp: string;
  readonly content: string;
}

export function createMaterialReader(): MaterialReader {
  const files = new Map<string, Remembered>();
  return {
    async read(material) {
      if ('data' in material) return material.data;
      try {
        const stats = await fs.stat(material.file, { bigint: true });
        const stamp = stampOf(stats);
        const known = files.get(material.file);
        if (known?.stamp === stamp) return known.content;
        if (stats.size > largestFile) throw new Error('too large');
        const content = await fs.readFile(material.file, 'utf8');
        files.set(material.file, { stamp, content });
        return content;
      } catch {
        throw new KubeError(undefined, noAnswer.badCredentials, `cannot read ${material.file}`);
      }
    },
  };
}

// kubelet replaces a projected file through a symlink: the inode changes even where size and time do not.
function stampOf(stats: BigIntStats): string {
  return `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}`;
}

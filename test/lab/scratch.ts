import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folders = new Set<string>();

/**
 * A new empty folder that goes away with the process at the latest. Its path is short: a Unix socket's path may have 107
 * bytes.
 */
export function scratchFolder(name = 'test', parent = tmpdir()): string {
  if (folders.size === 0) {
    process.on('exit', () => {
      for (const folder of folders) rmSync(folder, { recursive: true, force: true });
    });
  }
  const folder = mkdtempSync(join(parent, `keymount-${name}-`));
  folders.add(folder);
  return folder;
}

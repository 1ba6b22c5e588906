import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { columns, modeText } from '../../provider/commands/columns.ts';

/** The files of a volume as an app sees them, through the links: path, mode, size and version; never contents. */
export async function fileTable(volume: string, versions: ReadonlyMap<string, string>): Promise<string[]> {
  const rows = [['file', 'mode', 'bytes', 'version']];
  for (const path of await visibleFiles(volume)) {
    const { mode, size } = await stat(join(volume, path));
    rows.push([path, modeText(mode), String(size), shortVersion(versions.get(path) ?? '')]);
  }
  return columns(rows, [2]);
}

export function shortVersion(version: string): string {
  return version.length > 12 ? `${version.slice(0, 12)}…` : version;
}

/** All but the volume's own `..` entries. */
async function visibleFiles(volume: string, folder = ''): Promise<string[]> {
  const paths: string[] = [];
  for (const name of (await readdir(join(volume, folder))).sort()) {
    if (name.startsWith('..')) continue;
    const path = join(folder, name);
    // stat follows the link `config -> ..data/config`
    const stats = await stat(join(volume, path));
    if (stats.isDirectory()) paths.push(...(await visibleFiles(volume, path)));
    else paths.push(path);
  }
  return paths;
}

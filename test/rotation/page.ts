import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const page = readFileSync(new URL('../../docs/rotation.md', import.meta.url), 'utf8');

/** Writes a program of docs/rotation.md, exactly as it stands there, into a folder; its first line is its name in a comment. */
export function writeProgram(name: string, folder: string): string {
  const blocks = [...page.matchAll(/^```\w+\n(?:\/\/|#) (\S+)\n(.*?)^```$/gms)];
  const found = blocks.filter((block) => block[1] === name);
  const [block] = found;
  if (block === undefined || found.length > 1) {
    throw new Error(`docs/rotation.md has ${found.length} programs named ${name}, not one`);
  }
  const file = join(folder, name);
  writeFileSync(file, block[2] ?? '');
  return file;
}

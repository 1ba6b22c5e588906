// Writes the pages of docs/ that are made from code. With --check it writes nothing and fails if a page is out of date.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { settingsPage } from '../provider/settings/page.ts';

const pages: Readonly<Record<string, () => string>> = {
  'docs/settings.md': settingsPage,
};

const check = process.argv.includes('--check');
const root = join(import.meta.dirname, '..');
const stale = Object.entries(pages).filter(([page, make]) => read(page) !== make());
for (const [page, make] of stale) {
  if (check) console.error(`${page} is out of date: run node hack/gen-docs.ts`);
  else writeFileSync(join(root, page), make());
}
if (check && stale.length > 0) process.exitCode = 1;

function read(page: string): string | undefined {
  try {
    return readFileSync(join(root, page), 'utf8');
  } catch {
    return undefined;
  }
}

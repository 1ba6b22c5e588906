import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { serveHelp } from '../../../provider/settings/help.ts';
import { namedKnobs } from '../../../provider/settings/knobs.ts';
import { settingsPage } from '../../../provider/settings/page.ts';
import { load } from './loading.ts';

const root = join(import.meta.dirname, '../../..');

describe('docs/settings.md', () => {
  it('is what hack/gen-docs.ts makes', () => {
    assert.equal(readFileSync(join(root, 'docs/settings.md'), 'utf8'), settingsPage());
    execFileSync(process.execPath, [join(root, 'hack/gen-docs.ts'), '--check'], { stdio: 'pipe' });
  });

  it('has a row for every setting with all its names and its default', () => {
    const rows = settingsPage().split('\n');
    for (const { path, flag, variable, knob } of namedKnobs) {
      const row = rows.filter((each) => each.startsWith(`| \`${path}\` |`));
      assert.equal(row.length, 1, path);
      for (const name of [`\`--${flag}\``, `\`${variable}\``, ...(knob.variables ?? [])])
        assert.ok(row[0]?.includes(name), path);
    }
  });

  it('has tables whose rows have as many cells as their heads', () => {
    const cells = (row: string) => row.replaceAll('\\|', '').split('|').length;
    const tables = settingsPage().matchAll(/^\|.*(?:\n\|.*)+/gm);
    for (const [table] of tables) assert.equal(new Set(table.split('\n').map(cells)).size, 1, table);
  });

  it('has an example that works', () => {
    const example = /```yaml\n([\s\S]*?)```/.exec(settingsPage())?.[1];
    assert.ok(example !== undefined);
    const { settings } = load({ file: example });
    assert.equal(settings.log.level, 'debug');
    assert.equal(settings.connections['vault-prod']?.kind, 'vault');
  });
});

describe('the help of serve', () => {
  it('has every flag once, and the file', () => {
    const flags = serveHelp().match(/^ {2}--[a-z-]+/gm) ?? [];
    assert.deepEqual(
      flags.map((flag) => flag.trim().slice(2)).toSorted(),
      [...new Set(['config', ...namedKnobs.map(({ flag }) => flag)])].toSorted(),
    );
  });

  it('fits into 100 columns and ends with a line end', () => {
    assert.deepEqual(
      serveHelp()
        .split('\n')
        .filter((each) => each.length > 100),
      [],
    );
    assert.ok(serveHelp().endsWith('\n') && !serveHelp().endsWith('\n\n'));
  });

  it('has names that are different from each other', () => {
    for (const names of [namedKnobs.map(({ path }) => path), serveHelp().match(/^ {2}--[a-z-]+/gm) ?? []]) {
      assert.equal(new Set(names).size, names.length);
    }
  });
});

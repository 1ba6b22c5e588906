import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parseMountFlags } from '../../provider/commands/mount-flags.ts';
import { loadSettings } from '../../provider/settings/load.ts';
import { blocksOf, pages, placeOf, readPage, repository } from './page.ts';

/** A line of a shell block, continuations joined. */
interface Line {
  readonly place: string;
  readonly text: string;
}

const lines: Line[] = pages
  .flatMap((page) => blocksOf(page))
  .filter(({ language }) => language === 'sh')
  .flatMap((block) => {
    const joined = block.text.replace(/\\\n\s*/g, '').split('\n');
    return joined.map((text) => ({ place: placeOf(block), text: text.trim() })).filter(({ text }) => text !== '');
  });

/** The arguments of keymount in a line; quotes do not occur in them. */
const keymountArguments = (text: string) =>
  /(?:npx keymount|keymount\.cjs) ([^|>&]*)/.exec(text)?.[1]?.trim().split(/\s+/);

describe('commands of the pages', () => {
  it('are there', () => {
    assert.ok(lines.length > 20);
    assert.ok(lines.some(({ text }) => keymountArguments(text)?.[0] === 'mount'));
    assert.ok(lines.some(({ text }) => keymountArguments(text)?.[0] === 'status'));
  });

  for (const { place, text } of lines) {
    const args = keymountArguments(text);
    if (args !== undefined) it(`of keymount have flags that it takes: ${text} (${place})`, () => checkArguments(args));
  }

  it('of npm are scripts of package.json', () => {
    const { scripts } = JSON.parse(readPage('package.json')) as { scripts: Record<string, string> };
    for (const { text, place } of lines) {
      for (const [, script = ''] of text.matchAll(/npm (?:run )?([a-z:]+)/g)) {
        assert.ok(script === 'ci' || scripts[script] !== undefined, `${place}: npm ${script}`);
      }
    }
  });

  it('name files of the repository that are there', () => {
    for (const { text, place } of lines) {
      for (const [path] of text.matchAll(/(?<![\w/])(?:manifests|test|hack|docs|provider)\/[\w./-]+/g)) {
        assert.ok(existsSync(`${repository}/${path}`), `${place}: ${path}`);
      }
    }
  });
});

function checkArguments([command = '', ...argv]: string[]): void {
  const readFile = (path: string) => (path === '/etc/keymount/config.yaml' ? '' : readFileSync(path, 'utf8'));
  if (command === 'mount') {
    const { settings, classFile } = parseMountFlags(argv);
    assert.match(classFile, /\.yaml$/);
    loadSettings({ argv: settings, env: {}, readFile });
  } else if (command === 'status' || command === 'serve') {
    loadSettings({ argv: argv.filter((arg) => arg !== '--json'), env: {}, readFile });
  } else assert.equal(command, 'version');
}

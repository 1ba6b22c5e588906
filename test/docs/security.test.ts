import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { readPage, repository, tableRows } from './page.ts';

describe('the threat model of SECURITY.md', () => {
  const rows = tableRows(readPage('SECURITY.md'), 'who');

  it('has each kind of attacker', () => {
    const who = new Set(rows.map(([first = '']) => first));
    for (const kind of ['class author', 'pod author', 'content of a secret', 'server', 'neighbour on the node']) {
      assert.ok(who.has(kind), kind);
    }
    assert.ok(rows.length >= 20);
  });

  for (const [who = '', , mayNot = '', rule = '', test = ''] of rows) {
    it(`names a rule and a test that are there: ${who} may not ${mayNot}`, () => {
      const [, title = '', file = ''] = /^\[(.+)\]\((.+)\)$/.exec(test) ?? [];
      const source = readFileSync(`${repository}/${file}`, 'utf8').replaceAll("\\'", "'");
      assert.ok(source.includes(title), `${file} has no test ${JSON.stringify(title)}`);
      for (const [, path = ''] of rule.matchAll(/`([a-z]+\/[\w-]+\.ts)`/g)) {
        const found = ['', 'backends/'].some((folder) => existsSync(`${repository}/provider/${folder}${path}`));
        assert.ok(found, `there is no ${path}`);
      }
    });
  }
});

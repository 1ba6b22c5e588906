import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { normaliseSecretPath } from '../../../../provider/plan/dialects/vault-path.ts';
import { golden } from '../a-class.ts';

const address = (text: string) => {
  const result = normaliseSecretPath(text);
  return 'address' in result ? result.address : `refused: ${result.problem}`;
};

describe('a secretPath', () => {
  for (const { in: text, out } of golden.paths) {
    it(`written ${JSON.stringify(text)} is ${out}, as Go writes it`, () => assert.equal(address(text), out));
  }

  for (const { in: query, out } of golden.queries) {
    it(`with the query ${JSON.stringify(query)} asks for ${JSON.stringify(out)}, as Go does`, () => {
      assert.equal(address(`secret/a?${query}`), out === '' ? '/v1/secret/a' : `/v1/secret/a?${out}`);
    });
  }

  const refused: [string, string, RegExp][] = [
    ['a step up', 'secret/../sys/mounts', /'\.\.'/],
    ['a step up at the start', '../secret', /'\.\.'/],
    ['a step up at the end', 'secret/data/..', /'\.\.'/],
    ['a step up after v1', '/v1/../sys', /'\.\.'/],
    ['a step up beside empty elements', 'secret//..//sys', /'\.\.'/],
    ['an encoded step up', 'secret/%2e%2e/sys', /'\.\.'/],
    ['a half encoded step up', 'secret/.%2E/sys', /'\.\.'/],
    ['a doubly encoded step up', 'secret/%252e%252e/sys', /'\.\.'/],
    ['a line end', 'secret/a\nX-Vault-Token: b', /control/],
    ['a carriage return in its query', 'secret/a?b=\r', /control/],
    ['a NUL', 'secret/a\0', /control/],
    ['a DEL', 'secret/a\x7f', /control/],
    ['nothing but the version', '/v1/', /name a secret/],
    ['nothing but slashes', '///', /name a secret/],
    ['nothing but a query', '?version=1', /name a secret/],
    ['nothing but a dot', './', /name a secret/],
  ];
  for (const [what, text, problem] of refused) {
    it(`must not have ${what}`, () => {
      assert.match(address(text), /^refused: /);
      assert.match(address(text), problem);
    });
  }

  it('with a question mark in its query keeps it there', () => {
    assert.equal(address('secret/a?b=c?d'), '/v1/secret/a?b=c%3Fd');
  });

  it('keeps half a surrogate pair out of the request', () => {
    assert.equal(address('secret/a\ud800b'), '/v1/secret/a%EF%BF%BDb');
  });
});

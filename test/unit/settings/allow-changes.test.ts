import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { allowChanges } from '../../../provider/settings/allow-changes.ts';
import type { AllowRule } from '../../../provider/settings/settings.ts';
import { load } from './loading.ts';

describe('allow rules of version 0.1.0', () => {
  const changes = (kind: string, ...allow: AllowRule[]) => allowChanges({ it: { kind, allow } });
  const at = 'connections.it.allow';

  it('let no write through any more; the start tells the line to add', () => {
    const expected = `${at}: no rule names methods, so classes may read (GET) and no longer write, as pki/issue and transit want; add to each rule "methods: [GET, PUT]" if they may, else "methods: [GET]"`;
    assert.deepEqual(changes('vault', { secrets: ['kv/*'] }), [expected]);
    assert.deepEqual(changes('openbao', { namespaces: ['shop'] }), [expected]);
    const file = 'connections: { it: { kind: vault, address: "https://v", allow: [{ namespaces: [shop] }] } }';
    assert.ok(load({ file }).warnings.includes(expected));
  });

  it('need no word where they say what they let through, and where only reads are', () => {
    assert.deepEqual(changes('vault', { secrets: ['kv/*'], methods: ['GET'] }), []);
    assert.deepEqual(changes('vault'), []);
    for (const kind of ['file', 'aws-ssm', 'gcp-secretmanager', 'azure-keyvault']) {
      assert.deepEqual(changes(kind, { secrets: ['kv/*'] }), []);
    }
    assert.deepEqual(allowChanges({ it: { kind: 'vault' } }), []);
  });

  const rows: readonly [string, string, string | undefined][] = [
    ['vault', '/v1/secret/data/a?version=*', '/v1/secret/data/a'],
    ['openbao', '/v1/secret/data/a%20b', '/v1/secret/data/a b'],
    ['vault', '/kv/app/', 'kv/app'],
    ['vault', 'kv/100%25', undefined],
    ['vault', 'kv/what?', undefined],
    ['vault', '/v1/secret/%ff', undefined],
    ['aws-secretsmanager', 'prod/db?label=AWSPREVIOUS', 'prod/db'],
    ['file', 'shop/what?', undefined],
    ['gcp-secretmanager', 'projects/p/secrets/s/versions/*', undefined],
  ];
  for (const [kind, pattern, today] of rows) {
    it(`${today === undefined ? 'keep' : 'need another word for'} ${pattern} of ${kind}`, () => {
      const said = `${at}[0].secrets[0]: a pattern is compared with the name of the secret, decoded and without its query; write ${JSON.stringify(today)}`;
      assert.deepEqual(changes(kind, { secrets: [pattern], methods: ['GET'] }), today === undefined ? [] : [said]);
    });
  }
});

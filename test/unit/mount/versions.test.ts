import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import { renderFiles } from '../../../provider/mount/files.ts';
import { versionsOf } from '../../../provider/mount/versions.ts';
import type { DialectName } from '../../../provider/plan/plan.ts';
import { planOf, readOf } from './a-plan.ts';

const key = Buffer.from('a'.repeat(32));

/** The versions of a class whose only secret has these keys. */
function versions(dialect: DialectName, objects: string, keys: Record<string, string>, hmacKey: Uint8Array = key) {
  const plan = planOf(objects, dialect);
  const { files } = renderFiles(
    plan,
    plan.sources.map(() => readOf(keys)),
    0o644,
  );
  return versionsOf(files, hmacKey);
}

describe('versions on the Vault sockets', () => {
  // HMAC-SHA256 of the object's settings as JSON and the content, by Go's own packages.
  const golden: [string, string, string][] = [
    [
      '- {objectName: object-one, secretPath: path/one, secretKey: the-key}',
      'secret v1 from: /v1/path/one',
      'Ju6kHz5rRvW3iuFQnbuVgTN_4-fiH7hHdCOIklbIGEg=',
    ],
    [
      '- {objectName: secret-1, secretPath: secret/data/kv1, secretKey: bar1, filePermission: 0624}',
      'hello1',
      'yB_OP6xXLzNrVvrQUc58DI58V9qSk39IP_vqj09uXGg=',
    ],
  ];
  for (const [objects, value, version] of golden) {
    for (const dialect of ['vault', 'openbao'] as const) {
      it(`are those of the Go provider on ${dialect}.sock for ${objects}`, () => {
        const [only] = versions(dialect, objects, { 'the-key': value, bar1: value });
        assert.equal(only?.version, version);
      });
    }
  }

  const one = '- {objectName: a, secretPath: s, secretKey: k}';
  const others: [string, string][] = [
    ['its name', '- {objectName: b, secretPath: s, secretKey: k}'],
    ['the spelling of its path', '- {objectName: a, secretPath: /v1/s, secretKey: k}'],
    ['its permission', '- {objectName: a, secretPath: s, secretKey: k, filePermission: 0600}'],
    ['its method', '- {objectName: a, secretPath: s, secretKey: k, method: GET}'],
    ['its arguments', '- {objectName: a, secretPath: s, secretKey: k, secretArgs: {a: b}}'],
  ];
  for (const [what, objects] of others) {
    it(`change with the object's settings, such as ${what}, as they did before`, () => {
      const [a, b] = [versions('vault', one, { k: 'v' }), versions('vault', objects, { k: 'v' })];
      assert.notEqual(a[0]?.version, b[0]?.version);
    });
  }

  it('do not change with what the Go provider does not know', () => {
    const more = '- {objectName: a, secretPath: s, secretKey: k, optional: true, refreshInterval: 5s}';
    assert.deepEqual(versions('vault', one, { k: 'v' }), versions('vault', more, { k: 'v' }));
    assert.deepEqual(
      versions('vault', one, { k: 'v' }),
      versions('vault', '- {secretKey: "k", secretPath: s, objectName: a}', { k: 'v' }),
    );
  });
});

describe('versions of our own format', () => {
  const objects = '- {file: a, secret: s, key: k}\n- {file: b/c, secret: s, key: l}\n';

  it('are a keyed hash of the bytes, with the path for an id', () => {
    const hmac = (text: string) => `${createHmac('sha256', key).update(text).digest('base64url')}=`;
    assert.deepEqual(versions('keymount', objects, { k: 'v', l: 'w' }), [
      { id: 'a', version: hmac('v') },
      { id: 'b/c', version: hmac('w') },
    ]);
  });

  it('change with the bytes and with nothing else', () => {
    const first = versions('keymount', objects, { k: 'v', l: 'w' });
    assert.deepEqual(
      versions('keymount', objects.replace('key: k', 'key: k, mode: 0400'), { k: 'v', l: 'w', m: 'x' }),
      first,
    );
    const second = versions('keymount', objects, { k: 'v', l: 'x' });
    assert.equal(second[0]?.version, first[0]?.version);
    assert.notEqual(second[1]?.version, first[1]?.version);
  });

  it('change with the key, and an empty file has one too', () => {
    const other = Buffer.from('b'.repeat(32));
    const [a, b] = [
      versions('keymount', objects, { k: '', l: '' }),
      versions('keymount', objects, { k: '', l: '' }, other),
    ];
    assert.match(a[0]?.version ?? '', /^[\w-]{43}=$/);
    assert.notEqual(a[0]?.version, b[0]?.version);
  });
});

describe('a version without its key', () => {
  it('is never made', () => {
    const objects = '- {file: a, secret: kv/db, key: a}';
    assert.throws(() => versions('keymount', objects, { a: 'x' }, new Uint8Array()), { code: 'internal' });
  });
});

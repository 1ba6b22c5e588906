import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseFileRef } from '../../../../provider/backends/file/ref.ts';
import { formatError, KeymountError } from '../../../../provider/errors.ts';
import type { Source } from '../../../../provider/plan/plan.ts';

const source = (address: string, more: Partial<Source> = {}): Source => ({
  access: { connection: { kind: 'named', name: 'local' } },
  address,
  key: '',
  accessKey: '',
  at: { path: 'objects[0]', name: 'db', line: 2 },
  ...more,
});

const refusal = (given: Source): string => {
  try {
    parseFileRef(given);
  } catch (error) {
    assert.ok(error instanceof KeymountError);
    return formatError(error);
  }
  return assert.fail('it was taken');
};

describe('an address of the file store', () => {
  for (const address of ['shop/db', 'license.txt', 'a b/ü', '.npmrc', 'a..b', '-']) {
    it(`may be ${JSON.stringify(address)}`, () => assert.deepEqual(parseFileRef(source(address)), { address }));
  }

  const hint = '; write it relative to the store, such as "shop/db" [class-invalid]';
  const refused: [address: string, why: string][] = [
    ['', 'is empty'],
    ['/etc/passwd', 'must not begin with "/"'],
    ['/v1/kv/data/db', 'must not begin with "/"'],
    ['..', 'must not hold an element that begins with ".."'],
    ['shop/../../etc/passwd', 'must not hold an element that begins with ".."'],
    ['..data/db', 'must not hold an element that begins with ".."'],
    ['shop/..2026_01_01/db', 'must not hold an element that begins with ".."'],
    ['shop//db', 'has an empty element ("//" or "/" at its end)'],
    ['shop/', 'has an empty element ("//" or "/" at its end)'],
    ['./db', 'must not hold the element "."'],
    ['db\0.yaml', 'holds a control character'],
    ['db\nx', 'holds a control character'],
    ['a'.repeat(251), 'has an element longer than 250 bytes'],
    [Array(1000).fill('abc').join('/'), 'is longer than 2048 bytes'],
  ];
  for (const [address, why] of refused) {
    it(`is refused when it ${why}: ${JSON.stringify(address.slice(0, 30))}`, () => {
      assert.equal(refusal(source(address)), `objects[0] "db" (line 2): the secret address ${why}${hint}`);
    });
  }

  it('never resolves to a place above the store', () => {
    const element = fc.oneof(fc.constantFrom('..', '.', '', '...', '..data', 'a'), fc.string({ maxLength: 5 }));
    fc.assert(
      fc.property(fc.array(element, { maxLength: 6 }), (elements) => {
        const address = elements.join('/');
        try {
          parseFileRef(source(address));
        } catch {
          return;
        }
        const resolved = new URL(`file:///store/${address.split('/').map(encodeURIComponent).join('/')}`);
        assert.ok(resolved.pathname.startsWith('/store/') && resolved.pathname.length > '/store/'.length);
      }),
    );
  });

  it('comes without a version', () => {
    assert.match(
      refusal(source('db', { version: '2' })),
      /the file store keeps no old versions; leave the version out/,
    );
  });

  it('comes without a request', () => {
    assert.match(refusal(source('db', { request: { method: 'PUT' } })), /the file store can only be read/);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { formatError, KeymountError } from '../../provider/errors.ts';
import { combineFailures, failureText } from '../../provider/mount/failure.ts';
import { renderFiles } from '../../provider/mount/files.ts';
import { readRequest } from '../../provider/mount/request.ts';
import { parseClass } from '../../provider/plan/parse.ts';
import type { JsonObject, JsonValue } from '../../provider/util/json.ts';

const canary = 'canary/7f3a+<&>?=';

/** The forms in which a value may be found in a text. */
const forms = [
  canary,
  encodeURIComponent(canary),
  JSON.stringify(canary).slice(1, -1),
  Buffer.from(canary).toString('hex'),
  // The start of the text before it shifts base64 by 0, 1 or 2 bytes; what is left in the middle is the same.
  ...['', 'x', 'xx'].flatMap((before) => {
    const text = Buffer.from(before + canary).toString('base64');
    return [
      text.slice(4, -4),
      Buffer.from(before + canary)
        .toString('base64url')
        .slice(4, -4),
    ];
  }),
];

function assertNoCanary(error: KeymountError): void {
  const texts = [
    formatError(error),
    failureText(error),
    error.stack ?? '',
    JSON.stringify(error),
    inspect(error, { depth: 9 }),
  ];
  for (const text of texts) for (const form of forms) assert.ok(!text.includes(form), `${form} in ${text}`);
}

const around = fc.constantFrom('', 'a', ' ', '\n', '=', '%', '"', '\0');
const value: fc.Arbitrary<JsonValue> = fc.oneof(
  fc.tuple(around, around).map(([before, after]) => before + canary + after),
  fc.constantFrom(Buffer.from(canary).toString('base64').slice(0, -1), `${Buffer.from(canary).toString('hex')}0`),
  fc.constantFrom<JsonValue>([canary, { nested: canary }], { [canary]: canary }, null),
);
const content = fc.oneof(
  fc.dictionary(fc.constantFrom('k', 'K', 'other', 'constructor'), value).map((keys) => ({ keys: keys as JsonObject })),
  fc
    .constantFrom(canary, `${canary}\n`, Buffer.from(canary).toString('base64').slice(1))
    .map((text) => ({ bytes: Buffer.from(text) })),
);
const object = fc.record({
  secret: fc.constantFrom('s', 't'),
  key: fc.constantFrom('', 'k', 'K', 'missing', 'toString'),
  decode: fc.constantFrom('', 'base64', 'base64url', 'hex'),
});

describe('a value of the store', () => {
  it('is in no error of a Mount, in no form', () => {
    fc.assert(
      fc.property(fc.array(object, { minLength: 1, maxLength: 5 }), content, content, (objects, one, other) => {
        const lines = objects.map(
          ({ secret, key, decode }, index) =>
            `- {file: f${index}, secret: ${secret}, key: "${key}", decode: "${decode}"}`,
        );
        const plan = parseClass(
          'keymount',
          new Map([
            ['connection', 'c'],
            ['objects', lines.join('\n')],
          ]),
        );
        const reads = plan.sources.map(({ address }, index) => {
          const secret = { version: '1', size: 1, ...(address === 's' ? one : other) };
          return { secret, number: index + 1, address, from: 'backend' as const };
        });
        const { failures } = renderFiles(plan, reads, 0o644);
        fc.pre(failures.length > 0);
        for (const failure of failures) assertNoCanary(failure);
        assertNoCanary(combineFailures(failures));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('a token or Secret of a request', () => {
  const tokens = JSON.stringify({ vault: { token: canary, expirationTimestamp: canary } });
  const whole = {
    attributes: JSON.stringify({ roleName: 'web', 'csi.storage.k8s.io/serviceAccount.tokens': tokens }),
    secrets: JSON.stringify({ secret_id: canary }),
    permission: '420',
  };

  it('is in no error of a request that was cut, joined or changed anywhere', () => {
    const field = fc.constantFrom('attributes', 'secrets', 'permission');
    fc.assert(
      fc.property(
        field,
        fc.nat(),
        fc.nat({ max: 3 }),
        fc.constantFrom('', '"', '{', '\\', ',', '0', canary),
        (name, where, gone, put) => {
          const text = whole[name as keyof typeof whole];
          const at = where % (text.length + 1);
          try {
            readRequest({ ...whole, [name]: text.slice(0, at) + put + text.slice(at + gone) });
          } catch (error) {
            assert.ok(error instanceof KeymountError);
            assertNoCanary(error);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('an argument of a request', () => {
  it('is in no mistake of its class: it may be a password', () => {
    const args = fc.constantFrom(`{a: "${canary}"}`, `"${canary}"`, `["${canary}"]`, `{a: {b: ["${canary}"]}}`);
    const more = fc.constantFrom(
      '',
      'method: DELETE',
      'filePermission: 999',
      'zzz: 1',
      'secretkey: x',
      'version: x',
      'optional: x',
    );
    fc.assert(
      fc.property(args, more, fc.constantFrom('objectName: ../x', 'objectName: a', ''), (secretArgs, other, name) => {
        const fields = [name, 'secretPath: s', `secretArgs: ${secretArgs}`, other].filter((one) => one !== '');
        try {
          parseClass(
            'vault',
            new Map([
              ['roleName', 'web'],
              ['objects', `- {${fields.join(', ')}}`],
            ]),
          );
        } catch (error) {
          assert.ok(error instanceof KeymountError);
          assertNoCanary(error);
        }
      }),
    );
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Code, catalogue, KeymountError } from '../../provider/errors.ts';
import { combineFailures, failureText } from '../../provider/mount/failure.ts';

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.integer({ min: 0, max: 1500 }).map((length) => 'é'.repeat(length)),
  fc.constantFrom(' | ', ' | +3 more', '\n', 'a\r\nb', '+7 more'),
);
const maybe = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: undefined });
const failure = fc
  .record({
    code: fc.constantFrom(...(Object.keys(catalogue) as Code[])),
    message: text,
    index: fc.nat({ max: 3000 }),
    name: maybe(text),
    reason: maybe(text),
    hint: maybe(text),
  })
  .map(({ code, message, index, name, reason, hint }) => {
    const at = { path: `objects[${index}]`, ...(name === undefined ? {} : { name }), line: index + 1 };
    return new KeymountError(code, message, { at, reason, hint });
  });

describe('the text of any failures', () => {
  const failures = fc.array(failure, { minLength: 1, maxLength: 40 });

  it('is one line below 1 kB', () => {
    fc.assert(
      fc.property(failures, (all) => {
        const told = failureText(combineFailures(all));
        assert.ok(Buffer.byteLength(told) <= 1000, `${Buffer.byteLength(told)} bytes`);
        assert.doesNotMatch(told, /[\n\r\u2028\u2029]/);
        assert.ok(told.length > 0);
      }),
      { numRuns: 1000 },
    );
  });

  it('is the same in whatever order they came', () => {
    const distinct = fc.uniqueArray(failure, { selector: ({ at }) => at?.path, minLength: 1, maxLength: 20 });
    const orders = distinct.chain((all) =>
      fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length })),
    );
    fc.assert(
      fc.property(orders, ([all, shuffled]) => {
        assert.equal(failureText(combineFailures(all)), failureText(combineFailures(shuffled)));
      }),
      { numRuns: 300 },
    );
  });
});

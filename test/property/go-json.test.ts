import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { goJson } from '../../provider/render/json.ts';
import { isJsonObject, isRawNumber, type JsonValue, parseJson, rawNumber } from '../../provider/util/json.ts';

const digits = fc.stringMatching(/^-?(0|[1-9]\d{0,25})(\.\d{1,20})?([eE][-+]?\d{1,3})?$/);
const key = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constantFrom('__proto__', 'constructor', '10', '9', ''),
);

const { value } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    digits.map(rawNumber),
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 6 }).map(toObject),
  ),
}));

/** With every key its own, `__proto__` included. */
function toObject(entries: readonly (readonly [string, JsonValue])[]): JsonValue {
  const object = {};
  for (const [name, entry] of entries) {
    Object.defineProperty(object, name.toWellFormed(), {
      value: entry,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return object;
}

function wellFormed(json: JsonValue): JsonValue {
  if (typeof json === 'string') return json.toWellFormed();
  if (Array.isArray(json)) return json.map(wellFormed);
  if (!isJsonObject(json)) return json;
  return toObject(Object.entries(json).map(([name, entry]) => [name, wellFormed(entry)]));
}

describe("Go's JSON of a value", () => {
  it('is read as the same value, numbers digit by digit', () => {
    fc.assert(
      fc.property(value, (json) => {
        const again = parseJson(goJson(json));
        assert.equal(JSON.stringify(again, sorted), JSON.stringify(wellFormed(json), sorted));
      }),
      { numRuns: 1000 },
    );
  });

  it('does not depend on the order of keys', () => {
    const entries = fc.uniqueArray(fc.tuple(key, value), { selector: ([name]) => name.toWellFormed(), maxLength: 8 });
    fc.assert(
      fc.property(entries, (all) => assert.equal(goJson(toObject(all)), goJson(toObject([...all].reverse())))),
      { numRuns: 500 },
    );
  });

  it('has its keys in the order of their bytes', () => {
    const entries = fc.uniqueArray(
      key.map((name) => name.toWellFormed()),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(entries, (names) => {
        const written = goJson(toObject(names.map((name) => [name, null])));
        const inBytes = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        const parts = inBytes.map((name) => `${goJson(name)}:null`);
        assert.equal(written, `{${parts.join(',')}}`);
      }),
      { numRuns: 1000 },
    );
  });

  it('can stand in HTML and in JavaScript, as Go sees to, and is one line', () => {
    fc.assert(
      fc.property(value, (json) => assert.doesNotMatch(goJson(json), /[<>&\u2028\u2029]|[^\P{Cc}\u007f-\u009f]/u)),
    );
  });
});

/** For comparing: objects with their keys sorted. */
function sorted(_key: string, json: unknown): unknown {
  if (typeof json !== 'object' || json === null || Array.isArray(json) || isRawNumber(json)) return json;
  return Object.entries(json).sort(([a], [b]) => (a < b ? -1 : 1));
}

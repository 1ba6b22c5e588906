import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { matches } from '../../provider/sessions/allow.ts';

/** Slow and plain: `*` is any run of characters, everything else is itself. */
function meant(pattern: string, text: string): boolean {
  if (pattern === '') return text === '';
  if (pattern.startsWith('*')) return meant(pattern.slice(1), text) || (text !== '' && meant(pattern, text.slice(1)));
  return text !== '' && pattern[0] === text[0] && meant(pattern.slice(1), text.slice(1));
}

describe('a pattern of an allow rule', () => {
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*', '/', '.'), maxLength: 8 });
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '/', '.', '*'), maxLength: 8 });

  it('matches what it means and nothing else', () => {
    fc.assert(
      fc.property(pattern, text, (rule, name) => assert.equal(matches(rule, name), meant(rule, name))),
      { numRuns: 20_000 },
    );
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { durationForm, formatDuration, parseDuration } from '../../../provider/util/duration.ts';

describe('a duration', () => {
  const good: readonly [string, number][] = [
    ['10s', 10_000],
    ['1m30s', 90_000],
    ['500ms', 500],
    ['2h', 7_200_000],
    ['0', 0],
    ['0s', 0],
    ['1h2m3s4ms', 3_723_004],
    ['1m1ms', 60_001],
    ['90s', 90_000],
    ['999999999h', 3_599_999_996_400_000],
  ];
  for (const [text, ms] of good) it(`${text} is ${ms} milliseconds`, () => assert.equal(parseDuration(text), ms));

  const bad = [
    '',
    ' ',
    '10',
    '00',
    's',
    '-1s',
    '+1s',
    '1.5s',
    '1s1m',
    '1s1s',
    '1 s',
    ' 1s',
    '1s ',
    '1S',
    '1d',
    '1e3s',
    '1s\n',
  ];
  for (const text of [...bad, '9999999999h', '0x1s', '١s', 'once']) {
    it(`${JSON.stringify(text)} is none`, () => assert.equal(parseDuration(text), undefined));
  }

  it('is read back as it was formatted', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 999_999_999 * 3_600_000 }), (ms) => {
        assert.equal(parseDuration(formatDuration(ms)), ms);
      }),
    );
  });

  it('is a whole, safe number of milliseconds or none, whatever the text', () => {
    const unit = fc.constantFrom('h', 'm', 's', 'ms', '');
    const piece = fc.tuple(fc.nat(), unit).map(([count, name]) => `${count}${name}`);
    const text = fc.oneof(
      fc.string(),
      fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join('')),
    );
    fc.assert(
      fc.property(text, (each) => {
        const ms = parseDuration(each);
        assert.ok(ms === undefined || (Number.isSafeInteger(ms) && ms >= 0));
      }),
    );
  });

  it('is formatted without units that are zero', () => {
    assert.deepEqual([0, 1, 1000, 110_000, 3_600_001, 0.4, -5].map(formatDuration), [
      '0',
      '1ms',
      '1s',
      '1m50s',
      '1h1ms',
      '0',
      '0',
    ]);
  });

  it('shows only texts in its form that it reads', () => {
    const examples = durationForm.match(/\b\d\w*/g) ?? [];
    assert.equal(examples.length, 5);
    for (const example of examples) assert.notEqual(parseDuration(example), undefined, example);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { median, medians, table } from './table.ts';

describe('the table of a benchmark', () => {
  it('takes the middle value, or the mean of the two in the middle', () => {
    assert.deepEqual([median([9, 1, 5]), median([4, 1, 2, 9]), median([7])], [5, 3, 7]);
  });

  it('takes the median of each figure for itself', () => {
    const runs = [
      { a: 1, b: 30 },
      { a: 2, b: 10 },
      { a: 3, b: 20 },
    ];
    assert.deepEqual(medians(runs), { a: 2, b: 20 });
  });

  it('shows ratios where both have a figure', () => {
    const columns: [string, Record<string, number>][] = [
      ['keymount', { 'p50, ms': 3, 'requests, n': 440, 'RSS, MiB': 104.26 }],
      ['constant', { 'p50, ms': 1.5, 'requests, n': 0 }],
    ];
    assert.equal(
      table(columns),
      `|  | keymount | constant | keymount / constant |
| --- | ---: | ---: | ---: |
| p50, ms | 3 | 1.50 | 2.00 |
| requests, n | 440 | 0 |  |
| RSS, MiB | 104 |  |  |`,
    );
  });

  it('shows one contestant without ratios', () => {
    assert.equal(table([['constant', { a: 12.345 }]]), '|  | constant |\n| --- | ---: |\n| a | 12.3 |');
  });
});

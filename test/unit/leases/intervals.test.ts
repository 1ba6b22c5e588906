import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { createIntervals, type Intervals } from '../../../provider/leases/intervals.ts';

describe('the intervals of the driver', () => {
  let time: number;
  let intervals: Intervals;
  beforeEach(() => {
    time = 1_000_000;
    intervals = createIntervals(() => time);
  });
  /** A Mount so many seconds after the one before. */
  function mount(seconds: number, content = 'a', volume = 'v') {
    time += seconds * 1000;
    intervals.mounted(volume, content);
  }
  const horizon = (volume = 'v') => Math.round(intervals.horizon(volume) / 1000);
  /** A tenth is added to what was seen. */
  const of = (seconds: number) => Math.round(seconds * 1.1);

  it('are taken for the usual ones until some were seen: 75 s, and 210 s after a change', () => {
    assert.equal(horizon(), of(75 + 210));
    mount(0);
    assert.equal(horizon(), of(285));
  });

  it('are learned: after a change from one, while nothing changes from three', () => {
    mount(0);
    mount(130);
    assert.equal(horizon(), of(75 + 130));
    mount(60);
    mount(61);
    assert.equal(horizon(), of(75 + 130));
    mount(62);
    assert.equal(horizon(), of(62 + 130));
  });

  it('go by the longest of the last five', () => {
    mount(0);
    mount(10);
    for (const seconds of [80, 5, 5, 5, 5]) mount(seconds);
    assert.equal(horizon(), of(160));
    mount(5);
    assert.equal(horizon(), of(15));
  });

  it('after a change are kept apart from those of quiet times', () => {
    mount(0);
    mount(150);
    for (let count = 0; count < 5; count++) mount(60);
    mount(60, 'b');
    mount(170, 'b');
    for (let count = 0; count < 5; count++) mount(60, 'b');
    assert.equal(horizon(), of(60 + 170));
  });

  it('are of each volume its own', () => {
    mount(0, 'a', 'v');
    mount(5, 'a', 'v');
    for (let count = 0; count < 3; count++) mount(5, 'a', 'v');
    assert.equal(horizon('v'), of(10));
    assert.equal(horizon('w'), of(285));
  });

  it('are remembered for the last 2,000 volumes', () => {
    mount(0);
    mount(5);
    assert.equal(horizon(), of(150));
    for (let count = 0; count < 2_000; count++) mount(0, 'a', `other ${count}`);
    assert.equal(horizon(), of(285));
  });
});

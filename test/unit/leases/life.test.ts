import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  bornAt,
  endless,
  isEnding,
  isOldCertificate,
  isOverdue,
  type Life,
  renewalTime,
  renewed,
} from '../../../provider/leases/life.ts';

const now = 1_000_000;
const minute = 60_000;
const half = () => 0.5;

describe('the life of what was issued', () => {
  it('ends when the backend said', () => {
    assert.deepEqual(bornAt(now, 60, true), { issuedAt: now, end: now + minute, duration: minute, renewable: true });
  });

  it('has no end, and nothing to renew, without a lease', () => {
    const life = endless(now);
    assert.equal(life.end, Number.POSITIVE_INFINITY);
    assert.equal(renewalTime(life, now, 67, half), undefined);
    assert.equal(isEnding(life, now, 1e12), false);
    assert.equal(isOverdue(life, now, 67), false);
  });

  it('is believed for 30 days at most, whatever a server says', () => {
    const month = 30 * 24 * 60 * minute;
    assert.deepEqual(bornAt(now, 0, true), { issuedAt: now, end: now + month, duration: month, renewable: false });
    assert.equal(bornAt(now, Number.MAX_SAFE_INTEGER, true).end, now + month);
    assert.equal(renewed(bornAt(now, 60, true), now, Number.MAX_SAFE_INTEGER, true).end, now + month);
    assert.equal(renewed(bornAt(now, 60, true), now, 0, true).end, now + month);
  });

  describe('renewed', () => {
    const life = bornAt(now, 600, true);
    it('goes on from the renewal, not from the issue', () => {
      const next = renewed(life, now + 400_000, 600, true);
      assert.deepEqual(next, { issuedAt: now, end: now + 1_000_000, duration: 600_000, renewable: true });
    });
    it('for a second less was rounded', () => assert.equal(renewed(life, now, 599, true).renewable, true));
    it('for two seconds less was cut short', () => assert.equal(renewed(life, now, 598, true).renewable, false));
    it('for a second less again and again was cut short', () => {
      assert.equal(renewed(renewed(life, now, 599, true), now, 598, true).renewable, false);
    });
    it('and said to be renewable no more is not', () => assert.equal(renewed(life, now, 600, false).renewable, false));
    it('for longer than before is renewed by that', () => {
      assert.equal(renewed(renewed(life, now, 900, true), now, 700, true).renewable, false);
    });
  });

  describe('is renewed', () => {
    it('at the percentage of what is left, by what the server said last', () => {
      const life = renewed(bornAt(now, 600, true), now + 402_000, 600, true);
      assert.equal(
        renewalTime(life, now + 402_000, 67, () => 0),
        now + 402_000 + 402_000,
      );
      assert.equal(
        renewalTime(life, now + 502_000, 67, () => 0),
        now + 502_000 + 335_000,
      );
    });

    it('up to a tenth later, evenly spread', () => {
      const life = bornAt(now, 1_000, true);
      const times = Array.from({ length: 1_000 }, (_, index) => renewalTime(life, now, 67, () => index / 1_000));
      const share = (time: number | undefined) => ((time as number) - now) / 1_000_000;
      assert.equal(share(times[0]), 0.67);
      assert.ok(share(times[999]) > 0.769 && share(times[999]) < 0.77);
      const tenths = Array.from({ length: 10 }, (_, part) => {
        return times.filter((time) => Math.floor((share(time) - 0.67) * 100 + 1e-9) === part).length;
      });
      assert.deepEqual(new Set(tenths), new Set([100]));
    });

    it('never in the last twentieth, whatever the knob says', () => {
      assert.equal(
        renewalTime(bornAt(now, 10_000, true), now, 90, () => 0.999),
        now + 9_500_000,
      );
    });

    it('while the driver asks once more before the end if it is cut short, but not in the first third', () => {
      const at = (seconds: number) => (renewalTime(bornAt(now, seconds, true), now, 67, half) ?? 0) - now;
      assert.deepEqual([600, 300, 200, 120, 6].map(at), [432_000, 210_000, 110_000, 40_000, 4_320]);
    });

    it('not if it cannot be', () => {
      assert.equal(renewalTime(bornAt(now, 600, false), now, 67, half), undefined);
    });
  });

  describe('is ending', () => {
    const life: Life = bornAt(now, 3_600, false);
    it('when less is left than the driver may take', () => {
      assert.equal(isEnding(life, now + 3_600_000 - 313_500, 313_500), false);
      assert.equal(isEnding(life, now + 3_600_000 - 313_499, 313_500), true);
    });
    it('not while it can be renewed, and then at once when that came too late', () => {
      const renewable = { ...life, renewable: true };
      assert.equal(isEnding(renewable, now + 3_599_999, 313_500), false);
      assert.equal(isEnding(renewable, now + 3_600_000, 313_500), true);
    });
    it('of one shorter than the driver takes, not before a third of it is over', () => {
      const short = bornAt(now, 60, false);
      assert.equal(isEnding(short, now + 20_000, 313_500), false);
      assert.equal(isEnding(short, now + 20_001, 313_500), true);
    });
    it('of one cut short at its last renewal, by its whole life', () => {
      const cut = renewed(bornAt(now, 600, true), now + 402_000, 198, true);
      assert.equal(isEnding(cut, now + 402_000, 165_000), false);
      assert.equal(isEnding(cut, now + 436_000, 165_000), true);
    });
  });

  it('of a certificate is old at 67 to 77 % of it', () => {
    const life = bornAt(now, 1_000, false);
    assert.equal(isOldCertificate(life, now + 669_999, 67, 0), false);
    assert.equal(isOldCertificate(life, now + 670_000, 67, 0), true);
    assert.equal(isOldCertificate(life, now + 769_000, 67, 0.999), false);
    assert.equal(isOldCertificate(life, now + 770_000, 67, 0.999), true);
  });

  describe('is overdue', () => {
    it('halfway between its latest renewal and its end', () => {
      const life = bornAt(now, 1_000, true);
      assert.equal(isOverdue(life, now + 884_999, 67), false);
      assert.equal(isOverdue(life, now + 885_001, 67), true);
      assert.equal(isOverdue(life, now + 960_000, 90), false);
      assert.equal(isOverdue(life, now + 976_000, 90), true);
    });
    it('in the last 75 s of what should have been replaced before, or in the last tenth of what is short', () => {
      assert.equal(isOverdue(bornAt(now, 3_600, false), now + 3_525_000, 67), false);
      assert.equal(isOverdue(bornAt(now, 3_600, false), now + 3_525_001, 67), true);
      assert.equal(isOverdue(bornAt(now, 60, false), now + 54_001, 67), true);
    });
  });
});

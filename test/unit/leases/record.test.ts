import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Secret, Tenure } from '../../../provider/backends/backend.ts';
import { bornAt, endless } from '../../../provider/leases/life.ts';
import { LoginEnds } from '../../../provider/leases/login-ends.ts';
import { Maxima } from '../../../provider/leases/maxima.ts';
import { fromRecord, sourceOf, toRecord } from '../../../provider/leases/record.ts';
import { type Leased, Tenant } from '../../../provider/leases/tenant.ts';
import type { Held } from '../../../provider/sessions/sessions.ts';
import { type JsonObject, parseJson } from '../../../provider/util/json.ts';
import { callerOf, sourcesOf } from '../sessions/fake-store.ts';
import { SteppedClock } from './stepped-clock.ts';

const clock = new SteppedClock();
const times = { steady: clock.time, wall: clock.time };
const tenure: Tenure = {
  id: 't',
  renewable: true,
  renew: async () => ({ duration: 60, renewable: true }),
  revoke: async () => {},
  toState: () => ({ token: 'the token' }),
};

const whose = { namespace: 'shop', server: 'https://vault:8200', isStrangers: false };

function aTenant(leased: [string, Leased][], token = bornAt(clock.time, 3_600, true)): Tenant {
  const place = { id: 'id', sessionKey: 'session', loginKey: 'login', podUid: 'uid', held: {} as Held, ...whose };
  const known = { maxima: new Maxima(clock.now), loginEnds: new LoginEnds(clock.now) };
  const deps = { clock, random: () => 0, renewalPercent: 67, ...known, onRenewal: () => {}, onLoginEnded: () => {} };
  const tenant = new Tenant(place, tenure, token, leased, deps);
  tenant.stop();
  return tenant;
}

function aLeased(secret: Secret, parts: Partial<Leased> = {}): Leased {
  const life = bornAt(clock.time, 600, true);
  const cached = { secret, number: 7, readAt: 1_000_123 };
  return { cached, bytes: 1, volume: 'v', life, lost: false, jitter: 0.5, ...parts };
}

const [source] = sourcesOf('creds/db');
if (source === undefined) throw new Error('no source');
const wish = { source, caller: callerOf() };

/** Through JSON text, as it is stored. */
function stored(tenant: Tenant, written = times, read = written) {
  const text = JSON.stringify(toRecord(tenant, wish, written, 1));
  return fromRecord(parseJson(text), read);
}

describe('a stored tenant', () => {
  const secret: Secret = {
    version: '3',
    size: 99,
    keys: parseJson(
      '{"password":"p","port":5432,"big":12345678901234567890,"rate":1.10,"flag":true,"n":null}',
    ) as JsonObject,
    reply: parseJson('{"lease_duration":600,"data":{"password":"p"}}') as JsonObject,
    lease: { id: 'database/creds/app/x', duration: 600, renewable: true },
  };

  it('comes back with what is to be taken back when the pod ends, and without where there was none of it yet', () => {
    const what = { at: 'pki/revoke', serial: '00:ff' };
    const certificate: Secret = { version: '', size: 1, keys: {}, notAfter: 9_000_000, takeBack: what };
    const tenant = aTenant([]);
    tenant.add('key', aLeased(certificate));
    tenant.add('key', aLeased({ ...certificate, notAfter: 8_000_000 }));
    assert.deepEqual(stored(tenant)?.debts, [
      { what, end: 8_000_000 },
      { what, end: 9_000_000 },
    ]);
    const { debts: _debts, ...older } = toRecord(tenant, wish, times, 1);
    assert.deepEqual(fromRecord(parseJson(JSON.stringify(older)), times)?.debts, []);
  });

  it('comes back as it was, numbers to the digit', () => {
    const back = stored(aTenant([['key', aLeased(secret)]]));
    assert.equal(JSON.stringify(back?.leased[0]?.secret), JSON.stringify(secret));
    assert.deepEqual(back?.leased[0]?.life, bornAt(clock.time, 600, true));
    assert.equal(back?.leased[0]?.key, 'key');
    assert.equal(back?.leased[0]?.readAt, 1_000_123);
    assert.deepEqual(back?.token, bornAt(clock.time, 3_600, true));
    assert.deepEqual(JSON.parse(JSON.stringify(back?.session)), { token: 'the token' });
    assert.deepEqual({ ...back?.identity }, JSON.parse(JSON.stringify(wish.caller.identity)));
    assert.equal(back?.replaced, false);
    assert.equal(back?.loginKey, 'login');
    assert.equal(back === undefined ? '' : sourceOf(back).accessKey, source.accessKey);
  });

  it('has its bytes again, and the end of a certificate', () => {
    const bytes = Buffer.from([0, 255, 10, 200]);
    const back = stored(aTenant([['key', aLeased({ version: '', size: 4, bytes, notAfter: 5_000_000 })]]));
    const found = back?.leased[0]?.secret;
    assert.deepEqual(Buffer.from(found?.bytes ?? []), bytes);
    assert.equal(found?.notAfter, 5_000_000);
    assert.equal(found?.keys, undefined);
    assert.equal(found?.lease, undefined);
  });

  it('that never ends has no end afterwards either', () => {
    const back = stored(aTenant([], endless(clock.time)));
    assert.equal(back?.token.end, Number.POSITIVE_INFINITY);
    assert.equal(back?.token.duration, Number.POSITIVE_INFINITY);
  });

  it('is stored without what is lost', () => {
    const tenant = aTenant([
      ['lost', aLeased(secret, { lost: true })],
      ['kept', aLeased(secret)],
    ]);
    assert.deepEqual(
      stored(tenant)?.leased.map(({ key }) => key),
      ['kept'],
    );
  });

  it('that was replaced is so afterwards', () => {
    const tenant = aTenant([]);
    tenant.retire();
    assert.equal(stored(tenant)?.replaced, true);
  });

  it("has its times by the machine's clock, for another process has another steady one", () => {
    const back = stored(
      aTenant([['key', aLeased(secret)]]),
      { steady: clock.time, wall: clock.time + 3_600_000 },
      { steady: 50_000, wall: clock.time + 3_600_000 },
    );
    // 600 s were left, and no time has passed
    assert.equal(back?.leased[0]?.life.end, 50_000 + 600_000);
    assert.equal(back?.token.end, 50_000 + 3_600_000);
    assert.equal(back?.leased[0]?.life.duration, 600_000);
  });

  for (const text of ['null', '[]', '{}', '{"id":"a","sessionKey":"b","accessKey":"c"}', '{"id":1}', '"text"', '7']) {
    it(`is not made of ${text}`, () => assert.equal(fromRecord(parseJson(text), times), undefined));
  }
});

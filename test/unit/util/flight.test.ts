import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Flights } from '../../../provider/util/flight.ts';

const never = new AbortController().signal;

/** A flight whose end a test decides. */
function journey<T>() {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const signals: AbortSignal[] = [];
  const start = (signal: AbortSignal) => {
    signals.push(signal);
    return promise;
  };
  return { start, signals, land: resolve, crash: reject };
}

describe('a flight', () => {
  it('is one run for all who want the same at the same time', async () => {
    const flights = new Flights<string>();
    const { start, signals, land } = journey<string>();
    const all = Array.from({ length: 100 }, () => flights.run('k', never, start));
    assert.equal(flights.size, 1);
    land('there');
    assert.deepEqual(new Set(await Promise.all(all)), new Set(['there']));
    assert.equal(signals.length, 1);
  });

  it('fails for all who wait', async () => {
    const flights = new Flights<string>();
    const { start, crash } = journey<string>();
    const all = [flights.run('k', never, start), flights.run('k', never, start)];
    crash(new Error('lost'));
    const ends = await Promise.allSettled(all);
    assert.ok(ends.every((end) => end.status === 'rejected' && end.reason.message === 'lost'));
  });

  it('is forgotten when it ends, well or badly', async () => {
    const flights = new Flights<string>();
    assert.equal(await flights.run('k', never, async () => 'one'), 'one');
    assert.equal(flights.size, 0);
    await assert.rejects(flights.run('k', never, () => Promise.reject(new Error('lost'))));
    assert.equal(flights.size, 0);
    assert.equal(await flights.run('k', never, async () => 'two'), 'two');
  });

  it('of one key leaves another alone', async () => {
    const flights = new Flights<string>();
    const [a, b] = [journey<string>(), journey<string>()];
    const [first, second] = [flights.run('a', never, a.start), flights.run('b', never, b.start)];
    a.crash(new Error('lost'));
    b.land('there');
    await assert.rejects(first);
    assert.equal(await second, 'there');
  });

  it('has the keys of what every object has', async () => {
    const flights = new Flights<string>();
    for (const key of ['__proto__', 'constructor', ''])
      assert.equal(await flights.run(key, never, async () => key), key);
  });
});

describe('who gives up', () => {
  it('leaves at once, with the reason of its own signal, and the others go on', async () => {
    const flights = new Flights<string>();
    const { start, signals, land } = journey<string>();
    const hasty = new AbortController();
    const gaveUp = flights.run('k', hasty.signal, start);
    const waits = flights.run('k', never, start);
    hasty.abort(new Error('in a hurry'));
    await assert.rejects(gaveUp, /in a hurry/);
    assert.equal(signals[0]?.aborted, false);
    land('there');
    assert.equal(await waits, 'there');
  });

  it('may be who started it', async () => {
    const flights = new Flights<string>();
    const { start, land } = journey<string>();
    const starter = new AbortController();
    const gaveUp = flights.run('k', starter.signal, start);
    const waits = [flights.run('k', never, start), flights.run('k', never, start)];
    starter.abort(new Error('gone'));
    await assert.rejects(gaveUp, /gone/);
    land('there');
    assert.deepEqual(await Promise.all(waits), ['there', 'there']);
  });

  it('aborts the run as the last one, and the next one starts anew', async () => {
    const flights = new Flights<string>();
    const { start, signals } = journey<string>();
    const waiters = [new AbortController(), new AbortController()];
    const all = waiters.map(({ signal }) => flights.run('k', signal, start));
    waiters[0]?.abort(new Error('one'));
    assert.equal(signals[0]?.aborted, false);
    waiters[1]?.abort(new Error('two'));
    assert.equal(signals[0]?.aborted, true);
    assert.equal(signals[0]?.reason.message, 'two');
    await Promise.allSettled(all);
    assert.equal(flights.size, 0);
    assert.equal(await flights.run('k', never, async () => 'anew'), 'anew');
  });

  it('does not make the aborted run, when it ends, forget the new one', async () => {
    const flights = new Flights<string>();
    const [old, fresh] = [journey<string>(), journey<string>()];
    const hasty = new AbortController();
    const gaveUp = flights.run('k', hasty.signal, old.start);
    hasty.abort(new Error('in a hurry'));
    await assert.rejects(gaveUp);
    const waits = flights.run('k', never, fresh.start);
    old.crash(new Error('aborted'));
    await new Promise(setImmediate);
    assert.equal(flights.size, 1);
    const joins = flights.run('k', never, () => assert.fail('it joins'));
    fresh.land('there');
    assert.deepEqual(await Promise.all([waits, joins]), ['there', 'there']);
  });

  it('before it asked starts nothing', async () => {
    const flights = new Flights<string>();
    const gone = AbortSignal.abort(new Error('gone'));
    await assert.rejects(
      flights.run('k', gone, () => assert.fail('it starts')),
      /gone/,
    );
    assert.equal(flights.size, 0);
  });

  it('after the end changes nothing', async () => {
    const flights = new Flights<string>();
    const { start, signals, land } = journey<string>();
    const late = new AbortController();
    const waits = flights.run('k', late.signal, start);
    land('there');
    assert.equal(await waits, 'there');
    late.abort(new Error('late'));
    assert.equal(signals[0]?.aborted, false);
  });

  it('leaves no listener behind', async () => {
    const flights = new Flights<string>();
    const controller = new AbortController();
    let listeners = 0;
    const { signal } = controller;
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    };
    for (let i = 0; i < 50; i++) await flights.run('k', signal, async () => 'there');
    await assert.rejects(flights.run('k', signal, () => Promise.reject(new Error('lost'))));
    assert.equal(listeners, 0);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KeymountError } from '../../../provider/errors.ts';
import { Breaker } from '../../../provider/net/breaker.ts';
import type { Outcome } from '../../../provider/net/request.ts';
import { TurnedClock } from './turned-clock.ts';

const gone: Outcome = { failure: new KeymountError('backend-unreachable', 'gone'), transient: true };
const untrusted: Outcome = { failure: new KeymountError('backend-untrusted', 'who is that'), transient: false };
const unsent: Outcome = { failure: new KeymountError('class-invalid', 'no such request'), transient: false };
const reply = (status: number, headers: Record<string, string> = {}, body = ''): Outcome => ({
  reply: { status, headers, body: Buffer.from(body) },
});

/** A request at the breaker: `sent` with `end` to answer it, `answered` from memory, or still `waiting`. */
interface Asked {
  state: 'waiting' | 'sent' | 'answered';
  answer?: Outcome;
  end: (outcome: Outcome | undefined) => void;
  leave: () => void;
}

function world(random = 0.5) {
  const clock = new TurnedClock();
  const breaker = new Breaker({ clock, random: () => random });
  /** A request comes. */
  async function ask(): Promise<Asked> {
    const abort = new AbortController();
    const asked: Asked = { state: 'waiting', end: () => assert.fail('it was not sent'), leave: () => abort.abort() };
    void breaker.admit(abort.signal).then((admission) => {
      if ('answer' in admission) Object.assign(asked, { state: 'answered', answer: admission.answer });
      else Object.assign(asked, { state: 'sent', end: admission.done });
    });
    await clock.settle();
    return asked;
  }
  async function askMany(count: number): Promise<Asked[]> {
    return await Promise.all(Array.from({ length: count }, ask));
  }
  /** Requests that are sent and answered at once. */
  async function send(...outcomes: Outcome[]): Promise<void> {
    for (const outcome of outcomes) (await ask()).end(outcome);
    await clock.settle();
  }
  /** The server has been away for longer than requests wait. Returns the time of the next probe. */
  async function awayForLong(): Promise<void> {
    await send(gone, gone, gone, gone, gone);
    for (let probe = 0; probe < 6; probe++) {
      await clock.turn(500);
      await send(gone);
    }
    assert.deepEqual(breaker.state(), { open: true, failures: 11 });
  }
  return { clock, breaker, ask, askMany, send, awayForLong };
}

const states = (asked: readonly Asked[]) =>
  Object.fromEntries([...Map.groupBy(asked, ({ state }) => state)].map(([state, all]) => [state, all.length]));
const codeOf = (asked: Asked) =>
  asked.answer !== undefined && 'failure' in asked.answer ? asked.answer.failure.code : asked.answer?.reply.status;

describe('a breaker', () => {
  it('lets everything through while there are answers between the failures', async () => {
    const { breaker, askMany, send } = world();
    await send(gone, gone, gone, gone, reply(200), gone, gone, gone, gone);
    assert.deepEqual(states(await askMany(50)), { sent: 50 });
    assert.deepEqual(breaker.state(), { open: false, failures: 4 });
  });

  for (const status of [200, 400, 403, 404, 429, 500, 501]) {
    it(`takes ${status} for the answer of a server that is there`, async () => {
      const { breaker, send } = world();
      await send(gone, gone, gone, gone, reply(status));
      for (let again = 0; again < 20; again++) await send(reply(status));
      assert.deepEqual(breaker.state(), { open: false, failures: 0 });
    });
  }

  for (const [name, outcome] of Object.entries({ 502: reply(502), 503: reply(503), 504: reply(504), nothing: gone })) {
    it(`opens after five times ${name}`, async () => {
      const { breaker, send } = world();
      await send(outcome, outcome, outcome, outcome);
      assert.equal(breaker.state().open, false);
      await send(outcome);
      assert.deepEqual(breaker.state(), { open: true, failures: 5 });
    });
  }

  it('counts neither what nobody waited for nor what was never sent', async () => {
    const { breaker, ask, send } = world();
    for (let time = 0; time < 10; time++) (await ask()).end(undefined);
    await send(...Array.from({ length: 10 }, () => unsent));
    assert.deepEqual(breaker.state(), { open: false, failures: 0 });
  });
});

describe('a server that just went away', () => {
  it('is asked by one of a hundred pods, and the others wait for what it learns', async () => {
    const { clock, askMany, send } = world();
    await send(gone, gone, gone, gone, gone);
    const pods = await askMany(100);
    assert.deepEqual(states(pods), { waiting: 100 });
    await clock.turn(500);
    assert.deepEqual(states(pods), { sent: 1, waiting: 99 });
    await clock.turn(400);
    pods.find(({ state }) => state === 'sent')?.end(reply(200));
    await clock.settle();
    assert.deepEqual(states(pods), { sent: 100 });
  });

  it('costs nobody an error if it is back within three seconds', async () => {
    const { clock, ask, askMany, send } = world();
    await send(gone, gone, gone, gone, gone);
    const pods = await askMany(10);
    for (let probe = 0; probe < 5; probe++) {
      await clock.turn(500);
      const sent = pods.filter(({ state }) => state === 'sent');
      assert.equal(sent.length, 1);
      sent[0]?.end(gone);
      pods.splice(pods.indexOf(sent[0] as Asked), 1, await ask());
    }
    await clock.turn(450);
    assert.deepEqual(states(pods), { waiting: 10 });
    await clock.turn(50);
    pods.find(({ state }) => state === 'sent')?.end(reply(200));
    await clock.settle();
    assert.deepEqual(states(pods), { sent: 10 });
  });

  it('is reported with the last failure, not to be tried again, when it is not', async () => {
    const { clock, askMany, send } = world();
    await send(gone, gone, gone, gone, gone);
    const pods = await askMany(10);
    for (let probe = 0; probe < 6; probe++) {
      await clock.turn(500);
      for (const pod of pods.filter(({ state }) => state === 'sent')) {
        pod.end(gone);
        pod.state = 'answered';
      }
      await clock.settle();
    }
    assert.deepEqual(states(pods), { answered: 10 });
    const refused = pods.filter(({ answer }) => answer !== undefined);
    assert.equal(refused.length, 4);
    for (const { answer } of refused) assert.deepEqual(answer, { ...gone, transient: false });
  });

  it('is not given up for what was sent before it opened and fails later', async () => {
    const { clock, askMany, ask } = world();
    const early = await askMany(32);
    for (const request of early.slice(0, 5)) request.end(gone);
    await clock.turn(500);
    const probe = await ask();
    assert.equal(probe.state, 'sent');
    // While the probe is under way the rest of the early ones fail: they are no probes.
    for (const request of early.slice(5)) request.end(gone);
    await clock.turn(400);
    const others = await askMany(5);
    assert.deepEqual(states(others), { waiting: 5 });
    probe.end(reply(200));
    await clock.settle();
    assert.deepEqual(states(others), { sent: 5 });
  });

  it('is there again at the first answer to a request that was sent before', async () => {
    const { clock, askMany } = world();
    const early = await askMany(6);
    for (const request of early.slice(0, 5)) request.end(gone);
    const others = await askMany(3);
    assert.deepEqual(states(others), { waiting: 3 });
    early[5]?.end(reply(404));
    await clock.settle();
    assert.deepEqual(states(others), { sent: 3 });
  });
});

describe('a server that is away', () => {
  it('is not asked, and everybody gets the reason at once', async () => {
    const { clock, ask, askMany, awayForLong } = world();
    await awayForLong();
    await clock.turn(1_000);
    (await ask()).end(gone);
    await clock.settle();
    const pods = await askMany(110);
    assert.deepEqual(states(pods), { answered: 110 });
    assert.ok(pods.every((pod) => codeOf(pod) === 'backend-unreachable'));
  });

  it('is asked once after 1, 2, 4, 8 and then every 15 s, however many come', async () => {
    const { clock, askMany, awayForLong } = world();
    await awayForLong();
    const probes: number[] = [];
    const began = clock.time;
    let pods: Asked[] = [];
    for (let step = 0; step < 700; step++) {
      await clock.turn(100);
      pods.push(...(await askMany(3)));
      for (const probe of pods.filter(({ state }) => state === 'sent')) {
        probes.push((clock.time - began) / 1000);
        probe.end(gone);
        await clock.settle();
      }
      pods = pods.filter(({ state }) => state === 'waiting');
      assert.ok(pods.length <= 30, `${pods.length} wait`);
    }
    assert.deepEqual(probes, [1, 3, 7, 15, 30, 45, 60]);
  });

  it('is asked by one request at a time, and no longer waited for when that one takes long', async () => {
    const { clock, ask, askMany, awayForLong } = world();
    await awayForLong();
    await clock.turn(1_000);
    const probe = await ask();
    assert.equal(probe.state, 'sent');
    const near = await askMany(20);
    assert.deepEqual(states(near), { waiting: 20 });
    await clock.turn(1_000);
    assert.deepEqual(states(near), { answered: 20 });
    await clock.turn(8_000);
    assert.deepEqual(states(await askMany(20)), { answered: 20 });
    probe.end(gone);
    await clock.settle();
    assert.deepEqual(states(await askMany(20)), { answered: 20 });
  });

  it('is asked by the next one when the probe was given up', async () => {
    const { clock, ask, awayForLong } = world();
    await awayForLong();
    await clock.turn(1_000);
    const [probe, next] = [await ask(), await ask()];
    assert.deepEqual([probe.state, next.state], ['sent', 'waiting']);
    probe.end(undefined);
    await clock.settle();
    assert.equal(next.state, 'sent');
  });

  it('keeps nobody who leaves, and the next probe is for somebody else', async () => {
    const { clock, ask, awayForLong, breaker } = world();
    await awayForLong();
    const waiting = await ask();
    waiting.leave();
    await clock.settle();
    // It is let through, and an aborted request is not sent.
    assert.equal(waiting.state, 'sent');
    waiting.end(undefined);
    await clock.turn(1_000);
    const probe = await ask();
    probe.end(reply(200));
    assert.equal(breaker.state().open, false);
  });

  it('is open again for all at the first answer, whatever it is', async () => {
    for (const outcome of [reply(200), reply(403), reply(500), untrusted]) {
      const { clock, askMany, ask, awayForLong, breaker } = world();
      await awayForLong();
      await clock.turn(1_000);
      const probe = await ask();
      const others = await askMany(40);
      probe.end(outcome);
      await clock.settle();
      assert.deepEqual(states(others), { sent: 40 });
      assert.deepEqual(breaker.state(), { open: false, failures: 0 });
    }
  });

  it('is asked at times that differ by half, so that nodes do not come together', async () => {
    for (const [random, pause] of [
      [0, 375],
      [0.999, 624],
    ] as const) {
      const { clock, ask, send } = world(random);
      await send(gone, gone, gone, gone, gone);
      const probe = await ask();
      await clock.turn(pause - 1);
      assert.equal(probe.state, 'waiting');
      await clock.turn(2);
      assert.equal(probe.state, 'sent');
    }
  });

  it('is asked though the clock was set back', async () => {
    const { clock, ask, awayForLong } = world();
    await awayForLong();
    clock.time -= 3_600_000;
    assert.equal((await ask()).state, 'sent');
  });

  it('is told without the words of a reply that was for somebody else, unless they are about the server', async () => {
    for (const [status, words] of [
      [502, ''],
      [503, 'Vault is sealed'],
    ] as const) {
      const { clock, ask, send } = world();
      const answer = reply(status, {}, 'Vault is sealed');
      await send(answer, answer, answer, answer, answer);
      await clock.turn(500);
      for (let probe = 0; probe < 6; probe++) {
        await send(answer);
        await clock.turn(500);
      }
      await clock.turn(500);
      await send(answer);
      const refused = await ask();
      assert.ok(refused.answer !== undefined && 'reply' in refused.answer);
      assert.deepEqual(
        [refused.answer.reply.status, refused.answer.reply.body.toString(), refused.answer.final],
        [status, words, true],
      );
    }
  });
});

describe('Retry-After', () => {
  for (const status of [429, 503]) {
    it(`of a ${status} is kept by all, who get that answer at once`, async () => {
      const { clock, askMany, send } = world();
      await send(reply(status, { 'retry-after': '30' }, 'quota of kv/data/payments exceeded'));
      await clock.turn(28_900);
      const pods = await askMany(110);
      assert.deepEqual(states(pods), { answered: 110 });
      assert.ok(pods.every((pod) => codeOf(pod) === status));
      await clock.turn(100);
      const late = await askMany(2);
      assert.deepEqual(states(late), { waiting: 2 });
      await clock.turn(1_000);
      assert.deepEqual(states(late), { sent: 2 });
    });
  }

  it('tells nobody what somebody else asked for', async () => {
    const { ask, send } = world();
    await send(reply(429, { 'retry-after': '30' }, 'quota of kv/data/payments exceeded'));
    const { answer } = await ask();
    assert.ok(answer !== undefined && 'reply' in answer);
    assert.equal(answer.reply.body.length, 0);
    // The header stays, and it is not for good: who can wait for so long tries again.
    assert.deepEqual([answer.reply.headers['retry-after'], answer.final], ['30', undefined]);
  });

  it('stays though a request that was sent before is answered', async () => {
    const { askMany, ask } = world();
    const [first, second] = await askMany(2);
    first?.end(reply(429, { 'retry-after': '10' }));
    second?.end(reply(200));
    assert.equal((await ask()).state, 'answered');
  });

  it('is not shortened by a later one, and believed for a minute at most', async () => {
    const { clock, askMany, ask } = world();
    const [first, second] = await askMany(2);
    first?.end(reply(429, { 'retry-after': '86400' }));
    second?.end(reply(429, { 'retry-after': '1' }));
    await clock.turn(58_000);
    assert.equal((await ask()).state, 'answered');
    await clock.turn(2_000);
    assert.equal((await ask()).state, 'sent');
  });

  it('of other statuses is none of its business', async () => {
    const { askMany, send } = world();
    await send(reply(500, { 'retry-after': '30' }), reply(404, { 'retry-after': '30' }));
    assert.deepEqual(states(await askMany(5)), { sent: 5 });
  });

  it('ends though the clock was set back', async () => {
    const { clock, ask, send } = world();
    await send(reply(429, { 'retry-after': '30' }));
    clock.time -= 3_600_000;
    assert.equal((await ask()).state, 'sent');
  });
});

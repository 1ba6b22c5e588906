import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Asked, breakerWorld, codeOf, gone, reply, states, untrusted } from './breaker-world.ts';

describe('a server that is away', () => {
  it('is not asked, and everybody gets the reason at once', async () => {
    const { clock, ask, askMany, awayForLong } = breakerWorld();
    await awayForLong();
    await clock.turn(1_000);
    (await ask()).end(gone);
    await clock.settle();
    const pods = await askMany(110);
    assert.deepEqual(states(pods), { answered: 110 });
    assert.ok(pods.every((pod) => codeOf(pod) === 'backend-unreachable'));
  });

  it('is asked once after 1, 2, 4 and then every 5 s, however many come', async () => {
    const { clock, askMany, awayForLong } = breakerWorld();
    await awayForLong();
    const probes: number[] = [];
    const began = clock.time;
    let pods: Asked[] = [];
    for (let step = 0; step < 400; step++) {
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
    assert.deepEqual(probes, [1, 3, 7, 12, 17, 22, 27, 32, 37]);
  });

  it('is asked by one request at a time, and no longer waited for when that one takes long', async () => {
    const { clock, ask, askMany, awayForLong } = breakerWorld();
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

  it('is asked by another lane too while the probe of one is stuck: that engine may hang alone', async () => {
    const { clock, ask, awayForLong } = breakerWorld();
    await awayForLong();
    await clock.turn(1_000);
    const stuck = await ask('database');
    assert.equal(stuck.state, 'sent');
    const early = await ask('kv');
    assert.equal(early.state, 'waiting', 'an answer may still come soon');
    await clock.turn(400);
    assert.equal(early.state, 'answered');
    await clock.turn(700);
    assert.equal((await ask('database')).state, 'answered');
    const probe = await ask('kv');
    assert.equal(probe.state, 'sent');
    const second = await ask('kv');
    assert.equal(second.state, 'waiting');
    probe.end(reply(200));
    await clock.settle();
    assert.equal(second.state, 'sent', 'the server is there');
    assert.equal((await ask('kv')).state, 'sent');
    stuck.end(gone);
  });

  it('is asked again by the same lane when a probe is stuck for ten seconds', async () => {
    const { clock, ask, awayForLong } = breakerWorld();
    await awayForLong();
    await clock.turn(1_000);
    const stuck = await ask('kv');
    await clock.turn(400);
    await clock.turn(9_000);
    assert.equal((await ask('kv')).state, 'answered');
    await clock.turn(700);
    const probe = await ask('kv');
    assert.equal(probe.state, 'sent');
    probe.end(reply(200));
    await clock.settle();
    assert.equal((await ask('kv')).state, 'sent');
    stuck.end(gone);
  });

  it('is asked by the next one when the probe was given up', async () => {
    const { clock, ask, awayForLong } = breakerWorld();
    await awayForLong();
    await clock.turn(1_000);
    const [probe, next] = [await ask(), await ask()];
    assert.deepEqual([probe.state, next.state], ['sent', 'waiting']);
    probe.end(undefined);
    await clock.settle();
    assert.equal(next.state, 'sent');
  });

  it('keeps nobody who leaves, and the next probe is for somebody else', async () => {
    const { clock, ask, awayForLong, breaker } = breakerWorld();
    await awayForLong();
    await clock.turn(800);
    const waiting = await ask();
    assert.equal(waiting.state, 'waiting');
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
      const { clock, askMany, ask, awayForLong, breaker } = breakerWorld();
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
      const { clock, ask, send } = breakerWorld(random);
      await send(gone, gone, gone, gone, gone);
      const probe = await ask();
      await clock.turn(pause - 1);
      assert.equal(probe.state, 'waiting');
      await clock.turn(2);
      assert.equal(probe.state, 'sent');
    }
  });

  it('is asked though the clock was set back', async () => {
    const { clock, ask, awayForLong } = breakerWorld();
    await awayForLong();
    clock.time -= 3_600_000;
    assert.equal((await ask()).state, 'sent');
  });

  it('is told without the words of a reply that was for somebody else, unless they are about the server', async () => {
    for (const [status, words] of [
      [502, ''],
      [503, 'Vault is sealed'],
    ] as const) {
      const { clock, ask, send } = breakerWorld();
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

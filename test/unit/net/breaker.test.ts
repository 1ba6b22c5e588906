import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Asked, breakerWorld, codeOf, gone, reply, states, unsent } from './breaker-world.ts';

describe('a breaker', () => {
  it('lets everything through while there are answers between the failures', async () => {
    const { breaker, askMany, send } = breakerWorld();
    await send(gone, gone, gone, gone, reply(200), gone, gone, gone, gone);
    assert.deepEqual(states(await askMany(50)), { sent: 50 });
    assert.deepEqual(breaker.state(), { open: false, failures: 4 });
  });

  for (const status of [200, 400, 403, 404, 429, 500, 501]) {
    it(`takes ${status} for the answer of a server that is there`, async () => {
      const { breaker, send } = breakerWorld();
      await send(gone, gone, gone, gone, reply(status));
      for (let again = 0; again < 20; again++) await send(reply(status));
      assert.deepEqual(breaker.state(), { open: false, failures: 0 });
    });
  }

  for (const [name, outcome] of Object.entries({ 502: reply(502), 503: reply(503), 504: reply(504), nothing: gone })) {
    it(`opens after five times ${name}`, async () => {
      const { breaker, send } = breakerWorld();
      await send(outcome, outcome, outcome, outcome);
      assert.equal(breaker.state().open, false);
      await send(outcome);
      assert.deepEqual(breaker.state(), { open: true, failures: 5 });
    });
  }

  it('counts neither what nobody waited for nor what was never sent', async () => {
    const { breaker, ask, send } = breakerWorld();
    for (let time = 0; time < 10; time++) (await ask()).end(undefined);
    await send(...Array.from({ length: 10 }, () => unsent));
    assert.deepEqual(breaker.state(), { open: false, failures: 0 });
  });
});

describe('a server that just went away', () => {
  it('is asked by one of a hundred pods, and the others wait for what it learns', async () => {
    const { clock, askMany, send } = breakerWorld();
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
    const { clock, ask, askMany, send } = breakerWorld();
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
    const { clock, askMany, send } = breakerWorld();
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
    const { clock, askMany, ask } = breakerWorld();
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

  it('is asked no later for what was sent before it opened and fails later', async () => {
    const { clock, askMany, ask } = breakerWorld();
    const early = await askMany(32);
    for (const request of early.slice(0, 5)) request.end(gone);
    await clock.turn(400);
    for (const request of early.slice(5)) request.end(gone);
    await clock.turn(100);
    const probe = await ask();
    assert.equal(probe.state, 'sent');
    // And after the probe has failed the next one goes as if the early ones had told nothing.
    probe.end(gone);
    await clock.turn(450);
    const [next] = await askMany(1);
    assert.equal(next?.state, 'waiting');
    await clock.turn(50);
    assert.equal(next?.state, 'sent');
  });

  it('is there again at the first answer to a request that was sent before', async () => {
    const { clock, askMany } = breakerWorld();
    const early = await askMany(6);
    for (const request of early.slice(0, 5)) request.end(gone);
    const others = await askMany(3);
    assert.deepEqual(states(others), { waiting: 3 });
    early[5]?.end(reply(404));
    await clock.settle();
    assert.deepEqual(states(others), { sent: 3 });
  });
});

describe('Retry-After', () => {
  for (const status of [429, 503]) {
    it(`of a ${status} is kept by all, who get that answer at once`, async () => {
      const { clock, askMany, send } = breakerWorld();
      await send(reply(status, { 'retry-after': '30' }, 'quota of kv/data/payments exceeded'));
      await clock.turn(29_600);
      const pods = await askMany(110);
      assert.deepEqual(states(pods), { answered: 110 });
      assert.ok(pods.every((pod) => codeOf(pod) === status));
      await clock.turn(100);
      const late = await askMany(2);
      assert.deepEqual(states(late), { waiting: 2 });
      await clock.turn(300);
      assert.deepEqual(states(late), { sent: 2 });
    });
  }

  it('tells nobody what somebody else asked for', async () => {
    const { ask, send } = breakerWorld();
    await send(reply(429, { 'retry-after': '30' }, 'quota of kv/data/payments exceeded'));
    const { answer } = await ask();
    assert.ok(answer !== undefined && 'reply' in answer);
    assert.equal(answer.reply.body.length, 0);
    // The header stays, and it is not for good: who can wait for so long tries again.
    assert.deepEqual([answer.reply.headers['retry-after'], answer.final], ['30', undefined]);
  });

  it('stays though a request that was sent before is answered', async () => {
    const { askMany, ask } = breakerWorld();
    const [first, second] = await askMany(2);
    first?.end(reply(429, { 'retry-after': '10' }));
    second?.end(reply(200));
    assert.equal((await ask()).state, 'answered');
  });

  it('is not shortened by a later one, and believed for a minute at most', async () => {
    const { clock, askMany, ask } = breakerWorld();
    const [first, second] = await askMany(2);
    first?.end(reply(429, { 'retry-after': '86400' }));
    second?.end(reply(429, { 'retry-after': '1' }));
    await clock.turn(58_000);
    assert.equal((await ask()).state, 'answered');
    await clock.turn(2_000);
    assert.equal((await ask()).state, 'sent');
  });

  it('of other statuses is none of its business', async () => {
    const { askMany, send } = breakerWorld();
    await send(reply(500, { 'retry-after': '30' }), reply(404, { 'retry-after': '30' }));
    assert.deepEqual(states(await askMany(5)), { sent: 5 });
  });

  it('ends though the clock was set back', async () => {
    const { clock, ask, send } = breakerWorld();
    await send(reply(429, { 'retry-after': '30' }));
    clock.time -= 3_600_000;
    assert.equal((await ask()).state, 'sent');
  });
});

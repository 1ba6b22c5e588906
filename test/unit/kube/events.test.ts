import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { createKubeApi, type KubeApi } from '../../../provider/kube/api.ts';
import { createPodEvents, type PodEventsDeps } from '../../../provider/kube/events.ts';
import { systemClock } from '../../../provider/util/clock.ts';
import { type KubeApiServer, kubeConfigOf, startKubeApi } from '../../lab/kube-api.ts';

const pod = { namespace: 'shop', pod: 'web-1', podUid: 'u-1' };
const text = 'objects[0] "db" (line 2): secret denied [secret-denied]';

describe('events on pods whose secrets cannot be refreshed', () => {
  let server: KubeApiServer;
  let api: KubeApi;
  let now: number;
  let forbidden: string[];

  before(async () => {
    server = await startKubeApi();
    api = createKubeApi(kubeConfigOf(server), { clock: systemClock, timeout: 100 });
  });
  after(async () => {
    api.close();
    await server.close();
  });
  beforeEach(() => {
    now = Date.parse('2026-05-01T10:00:00Z');
    forbidden = [];
    server.fault = () => undefined;
    server.events.length = 0;
    server.calls.length = 0;
  });

  function start(parts: Partial<PodEventsDeps> = {}) {
    const clock = { now: () => now, sleep: systemClock.sleep };
    const onForbidden = (reason: string) => void forbidden.push(reason);
    return createPodEvents({ api, clock, nodeName: 'node-1', onForbidden, ...parts });
  }

  it('are what kubectl describe pod shows', async () => {
    start().rotationFailed(pod, text);
    await until(() => server.events.length === 1);
    assert.deepEqual(server.events[0], {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { generateName: 'web-1.', namespace: 'shop' },
      involvedObject: { apiVersion: 'v1', kind: 'Pod', name: 'web-1', namespace: 'shop', uid: 'u-1' },
      reason: 'SecretRotationFailed',
      type: 'Warning',
      message: text,
      source: { component: 'keymount', host: 'node-1' },
      firstTimestamp: '2026-05-01T10:00:00.000Z',
      lastTimestamp: '2026-05-01T10:00:00.000Z',
      count: 1,
    });
  });

  it('say the same of a pod once in a quarter of an hour, and another text at once', async () => {
    const events = start();
    for (let minute = 0; minute < 15; minute++) {
      events.rotationFailed(pod, text);
      now += 60_000;
    }
    events.rotationFailed(pod, 'another');
    events.rotationFailed({ ...pod, podUid: 'u-2' }, text);
    await until(() => server.events.length >= 3);
    events.rotationFailed(pod, text);
    await until(() => server.events.length >= 4);
    assert.deepEqual(
      server.events.map((event) => [event.involvedObject['uid'], event.message]).sort(),
      [
        ['u-1', 'another'],
        ['u-1', text],
        ['u-1', text],
        ['u-2', text],
      ].sort(),
    );
  });

  it('are few, however many pods fail at once', async () => {
    const events = start({ burst: 5, refill: 10_000 });
    const fail = (from: number) => {
      for (let i = from; i < from + 110; i++) events.rotationFailed({ ...pod, podUid: `u-${i}` }, text);
    };
    fail(0);
    await until(() => server.events.length === 5);
    now += 25_000;
    fail(200);
    await until(() => server.events.length === 7);
    now += 3_600_000;
    fail(400);
    await until(() => server.events.length === 12);
    assert.equal(server.calls.length, 12);
  });

  it('are given up for good, and once said so, where RBAC does not allow them', async () => {
    const events = start();
    server.fault = () => ({ status: 403, reason: 'Forbidden', message: 'events is forbidden' });
    for (let i = 0; i < 5; i++) events.rotationFailed({ ...pod, podUid: `u-${i}` }, text);
    await until(() => forbidden.length === 1 && server.calls.length === 5);
    server.fault = () => undefined;
    events.rotationFailed({ ...pod, podUid: 'u-9' }, text);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(server.calls.length, 5);
    assert.deepEqual(forbidden, ['403 Forbidden: events is forbidden']);
  });

  it('go on after an API server that was away, hung or knew no such namespace', async () => {
    const events = start();
    const faults = ['reset', 'hang', { status: 404, reason: 'NotFound', message: 'no namespace' }] as const;
    for (const [index, fault] of faults.entries()) {
      server.fault = () => fault;
      events.rotationFailed({ ...pod, podUid: `u-${index}` }, text);
      await new Promise((resolve) => setTimeout(resolve, 120));
    }
    server.fault = () => undefined;
    events.rotationFailed({ ...pod, podUid: 'u-9' }, text);
    await until(() => server.events.length === 1);
    assert.deepEqual(forbidden, []);
  });

  it('hold one line of at most 1024 characters', async () => {
    start().rotationFailed(pod, `a\nb${'x'.repeat(2000)}`);
    await until(() => server.events.length === 1);
    assert.match(server.events[0]?.message ?? '', /^a bx{1021}$/);
  });
});

async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 3_000;
  while (!condition()) {
    assert.ok(performance.now() < end, 'it did not happen within 3 s');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

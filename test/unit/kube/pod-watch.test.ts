import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { createKubeApi, type KubeApi } from '../../../provider/kube/api.ts';
import {
  createPodWatch,
  type PodWatch,
  type PodWatchDeps,
  type PodWatchEvent,
} from '../../../provider/kube/pod-watch.ts';
import { systemClock } from '../../../provider/util/clock.ts';
import { type KubeApiServer, kubeConfigOf, startKubeApi } from '../../lab/kube-api.ts';
import type { PodListBody } from '../../lab/kube-pods.ts';
import { aPod, type Pod } from '../../lab/pod.ts';

const own = aPod({ namespace: 'keymount', name: 'keymount-x', uid: 'own' });
const web = aPod({ name: 'web', uid: 'web' });
const db = aPod({ name: 'db', uid: 'db' });

describe('the watch of the pods of a node', () => {
  let server: KubeApiServer;
  let api: KubeApi;
  let watch: PodWatch;
  let seen: string[];
  let broken: string[];

  before(async () => {
    server = await startKubeApi();
  });
  after(() => server.close());
  beforeEach(() => {
    server.fault = () => undefined;
    Object.assign(server.podFeed, { silent: false, wholePods: false, distort: (list: PodListBody) => list });
    server.podFeed.clear();
    server.calls.length = 0;
    [seen, broken] = [[], []];
    api = createKubeApi(kubeConfigOf(server), { clock: systemClock, timeout: 300 });
  });
  afterEach(async () => {
    await watch.stop();
    api.close();
  });

  function onEvent(event: PodWatchEvent): void {
    if (event.type === 'broken') broken.push(event.reason);
    else if (event.type === 'listed') seen.push(`listed ${event.pods.map(({ uid }) => uid)}`);
    else if (event.type === 'list-begun') seen.push('list');
    else seen.push('pod' in event ? `${event.type} ${event.pod.uid}` : event.type);
  }

  function start(parts: Partial<PodWatchDeps> = {}): void {
    const pauses = { pause: 20, longestPause: 100, forbiddenPause: 60 };
    watch = createPodWatch({
      api,
      nodeName: 'node-1',
      clock: systemClock,
      random: () => 0.5,
      onEvent,
      ...pauses,
      ...parts,
    });
    watch.start();
  }

  const add = (...pods: Pod[]) => {
    for (const pod of pods) server.podFeed.add(pod);
  };
  /** Both sides know that a watch runs. */
  const watching = async () => {
    const { podFeed } = server;
    await until(
      () => podFeed.watches === 1 && seen.filter((one) => one === 'watching').length >= podFeed.watchesOpened,
    );
  };
  const isWatch = (call: string) => call.includes('watch=1');
  const lists = () => server.calls.filter((call) => !isWatch(call)).length;
  const happened = async (...events: string[]) => {
    await until(() => events.every((event) => seen.includes(event)));
  };

  it('lists the unfinished pods of the node, then tells what happens to them', async () => {
    server.podFeed.add(aPod({ uid: 'elsewhere' }), { node: 'node-2' });
    add(own, web);
    start();
    await watching();
    add(db, web);
    server.podFeed.remove(web);
    await happened('gone web');
    assert.deepEqual(seen, ['list', 'listed own,web', 'watching', 'present db', 'present web', 'gone web']);
    assert.deepEqual(broken, []);
    const [list = '', call = ''] = server.calls.map(decodeURIComponent);
    const selector = 'fieldSelector=spec.nodeName=node-1,status.phase!=Succeeded,status.phase!=Failed';
    assert.equal(list, `GET /api/v1/pods?${selector}`);
    const version = /resourceVersion=(\d+)/.exec(call)?.[1];
    assert.equal(
      call,
      `GET /api/v1/pods?${selector}&watch=1&allowWatchBookmarks=true&resourceVersion=${version}&timeoutSeconds=360`,
    );
  });

  it('understands whole pods, from a server that knows no metadata', async () => {
    server.podFeed.wholePods = true;
    add(own, web);
    start();
    await watching();
    server.podFeed.remove(web);
    await happened('listed own,web', 'gone web');
  });

  it('knows the mirrors of static pods', async () => {
    const mirrors: (string | undefined)[] = [];
    server.podFeed.add(aPod({ uid: 'mirror' }), { annotations: { 'kubernetes.io/config.mirror': 'hash' } });
    start({
      onEvent: (event) =>
        void (event.type === 'listed' && mirrors.push(...event.pods.map(({ staticUid }) => staticUid))),
    });
    await until(() => mirrors.length > 0);
    assert.deepEqual(mirrors, ['hash']);
  });

  it('goes on where it was when the server ends it, and misses nothing', async () => {
    add(own, web);
    start();
    await watching();
    server.podFeed.bookmark();
    server.podFeed.endWatches();
    await until(() => server.podFeed.watches === 0);
    add(db);
    server.podFeed.remove(web);
    await happened('present db', 'gone web');
    assert.equal(lists(), 1);
    assert.deepEqual(broken, []);
  });

  it('goes on where it was when the connection breaks', async () => {
    add(own, web);
    start();
    await watching();
    server.podFeed.cut();
    server.podFeed.remove(web);
    await happened('gone web');
    assert.equal(lists(), 1);
    assert.equal(broken.length, 1);
  });

  it('goes on from the version of a bookmark', async () => {
    add(own);
    start();
    await watching();
    server.podFeed.bookmark();
    server.podFeed.bookmark();
    await until(() => seen.length > 0);
    await pause(50);
    server.podFeed.endWatches();
    await until(() => server.calls.filter(isWatch).length === 2);
    const versions = server.calls.filter(isWatch).map((call) => Number(/resourceVersion=(\d+)/.exec(call)?.[1]));
    assert.equal((versions[1] ?? 0) - (versions[0] ?? 0), 2);
  });

  it('lists again when the server has forgotten where it was, and does not call that a failure', async () => {
    add(own, web);
    start();
    await watching();
    server.podFeed.remove(web);
    await happened('gone web');
    server.podFeed.forgetHistory();
    await happened('listed own');
    assert.equal(lists(), 2);
    assert.deepEqual(broken, []);
    await watching();
    add(db);
    await happened('present db');
  });

  it('lists again when 410 is the status of the answer', async () => {
    add(own);
    let once = true;
    server.fault = (call) => {
      if (!isWatch(call) || !once) return undefined;
      once = false;
      return { status: 410, reason: 'Expired', message: 'too old resource version: 1 (2)' };
    };
    start();
    await watching();
    assert.equal(lists(), 2);
    assert.deepEqual(broken, []);
  });

  it('lists again when asked to', async () => {
    add(own);
    start();
    await watching();
    watch.listAgain();
    await until(() => seen.filter((one) => one === 'watching').length === 2);
    assert.deepEqual(seen, ['list', 'listed own', 'watching', 'list', 'listed own', 'watching']);
    assert.deepEqual(broken, []);
  });

  it('lists again when asked to during a list', async () => {
    add(own);
    let asked = false;
    server.podFeed.distort = (list) => {
      if (!asked) watch.listAgain();
      asked = true;
      return list;
    };
    start();
    await watching();
    assert.equal(lists(), 2);
  });

  it('takes a watch that says nothing any more for dead, and lists', async () => {
    add(own, web);
    start({ silence: 100 });
    await watching();
    server.podFeed.silent = true;
    server.podFeed.remove(web);
    await happened('listed own');
    assert.match(broken[0] ?? '', /the API server sent nothing for 0\.1 s/);
    assert.equal(seen.includes('gone web'), false);
  });

  it('is kept alive by bookmarks', async () => {
    add(own);
    start({ silence: 200 });
    await watching();
    for (let i = 0; i < 10; i++) {
      await pause(50);
      server.podFeed.bookmark();
    }
    assert.equal(server.calls.filter(isWatch).length, 1);
    assert.deepEqual(broken, []);
  });

  it('tells why it is broken, and tries until the server is back', async () => {
    add(own, web);
    start();
    await watching();
    await server.goAway();
    await until(() => broken.length >= 4);
    assert.match(broken.at(-1) ?? '', /the pods of this node are not watched: .*connection refused/);
    server.podFeed.remove(web);
    await server.comeBack();
    await watching();
    // The connection came back at the old version, or a list was due: either way the end is known.
    assert.ok(seen.includes('gone web') || seen.includes('listed own'), String(seen));
  });

  it('tells that it is forbidden, and goes on when it is allowed', async () => {
    const forbidden: boolean[] = [];
    add(own);
    server.fault = () => ({ status: 403, reason: 'Forbidden', message: 'pods is forbidden' });
    start({
      onEvent: (event) => {
        onEvent(event);
        if (event.type === 'broken') forbidden.push(event.forbidden);
      },
    });
    await until(() => broken.length === 2);
    assert.deepEqual(forbidden, [true, true]);
    assert.match(broken[0] ?? '', /403 Forbidden: pods is forbidden/);
    server.fault = () => undefined;
    await watching();
    await happened('listed own');
  });

  it('does not ask a failing server without end', async () => {
    server.fault = () => ({ status: 500, reason: 'InternalError', message: 'etcdserver: request timed out' });
    start({ pause: 20, longestPause: 10_000 });
    await pause(400);
    // 15, 30, 60, 120, 240 ms between the tries.
    assert.ok(server.calls.length >= 3 && server.calls.length <= 6, String(server.calls.length));
  });

  it('does not ask without end where every watch ends at once', async () => {
    add(own);
    const timer = setInterval(() => server.podFeed.endWatches(), 2);
    start({ pause: 20, longestPause: 10_000 });
    await pause(400);
    clearInterval(timer);
    assert.ok(server.calls.length <= 8, String(server.calls.length));
    assert.equal(lists(), 1);
  });

  for (const [what, fault] of [
    ['hangs', 'hang'],
    ['breaks', 'reset'],
    ['is no JSON', '<html>'],
    ['is a Status', '{"kind":"Status","status":"Success"}'],
    ['has no items', '{"kind":"PodList","metadata":{"resourceVersion":"1"}}'],
    ['has no version', '{"kind":"PodList","metadata":{},"items":[]}'],
    [
      'has a pod without a uid',
      '{"kind":"PodList","metadata":{"resourceVersion":"1"},"items":[{"metadata":{"namespace":"a","name":"b"}}]}',
    ],
    [
      'has more but does not say where',
      '{"kind":"PodList","metadata":{"resourceVersion":"1","remainingItemCount":3},"items":[]}',
    ],
  ] as const) {
    it(`makes no list of an answer that ${what}`, async () => {
      let faults = 2;
      server.fault = (call) => (isWatch(call) || faults-- <= 0 ? undefined : fault);
      add(own);
      start();
      if (fault === 'hang') {
        await pause(100);
        assert.deepEqual(seen, ['list']);
        return;
      }
      await watching();
      assert.deepEqual(seen, ['list', 'list', 'list', 'listed own', 'watching']);
      assert.equal(broken.length, 2);
    });
  }

  for (const [what, text] of [
    ['is no JSON', 'rubbish\n'],
    ['is of an unknown type', '{"type":"EXPLODED","object":{}}\n'],
    [
      'is a pod without a uid',
      '{"type":"DELETED","object":{"metadata":{"namespace":"a","name":"b","resourceVersion":"5"}}}\n',
    ],
    ['is an error', '{"type":"ERROR","object":{"kind":"Status","code":500,"reason":"InternalError","message":"no"}}\n'],
    ['never ends', 'x'.repeat(5 * 1024 * 1024)],
  ] as const) {
    it(`lists again when a line of the watch ${what}`, async () => {
      add(own, web);
      start();
      await watching();
      server.podFeed.send(text);
      await until(() => seen.filter((one) => one === 'listed own,web').length === 2);
      assert.equal(broken.length, 1);
    });
  }

  it('reads events that come in pieces, and several in one piece', async () => {
    add(own);
    start();
    await watching();
    const event = (uid: string) =>
      JSON.stringify({
        type: 'ADDED',
        object: { metadata: { namespace: 'é', name: uid, uid, resourceVersion: '900' } },
      });
    const text = `\n${event('a-ä')}\r\n${event('b')}\n\n${event('c')}\n`;
    for (const piece of text.match(/[\s\S]{1,7}/g) ?? []) {
      server.podFeed.send(piece);
      await pause(1);
    }
    await happened('present a-ä', 'present b', 'present c');
    assert.deepEqual(broken, []);
  });

  describe('makes a list of parts', () => {
    const many = Array.from({ length: 250 }, (_, i) => aPod({ uid: `pod-${i}` }));
    let tooLarge: boolean;

    beforeEach(() => {
      tooLarge = true;
      add(own, ...many);
      server.podFeed.distort = (list) => {
        const whole = list.items.length > 100;
        return whole && tooLarge ? JSON.stringify({ ...list, filler: 'x'.repeat(9 * 1024 * 1024) }) : list;
      };
    });

    it('where the whole would be too large', async () => {
      start();
      await watching();
      assert.equal(seen.at(-2), `listed own,${many.map(({ uid }) => uid)}`);
      assert.deepEqual(
        server.calls
          .filter((call) => !isWatch(call))
          .map((call) => /&(.*)/.exec(decodeURIComponent(call))?.[1]?.replace(/\d+\//, '')),
        [undefined, 'limit=100', 'limit=100&continue=151', 'limit=100&continue=51'],
      );
    });

    it('that is none when pods come and go between the parts, for the server keeps the moment', async () => {
      let parts = 0;
      const { distort } = server.podFeed;
      server.podFeed.distort = (list) => {
        if (++parts === 2) {
          server.podFeed.remove(many[0] as Pod);
          server.podFeed.remove(many[249] as Pod);
        }
        return distort(list);
      };
      start();
      await watching();
      await happened('gone pod-0', 'gone pod-249');
      assert.ok(seen.includes(`listed own,${many.map(({ uid }) => uid)}`));
    });

    it('anew when the server has forgotten that moment', async () => {
      let parts = 0;
      const { distort } = server.podFeed;
      server.podFeed.distort = (list) => {
        if (++parts === 2) server.podFeed.forgetHistory();
        return distort(list);
      };
      start();
      await watching();
      assert.deepEqual(seen.filter((one) => one === 'list').length, 3);
      assert.equal(seen.filter((one) => one.startsWith('listed')).length, 1);
    });

    it('never of parts from different moments', async () => {
      let parts = 0;
      const { distort } = server.podFeed;
      server.podFeed.distort = (list) => {
        if (++parts === 3) list.metadata.resourceVersion = '1';
        return distort(list);
      };
      start();
      await watching();
      assert.equal(seen.filter((one) => one.startsWith('listed')).length, 1);
      assert.equal(seen.filter((one) => one === 'list').length, 3);
    });
  });

  it('stops at once, whatever it is doing, and tells nothing any more', async () => {
    add(own, web);
    for (const fault of [undefined, 'hang', { status: 403, reason: 'Forbidden', message: 'no' }] as const) {
      server.fault = () => fault;
      start({ forbiddenPause: 60_000 });
      await pause(60);
      const before = performance.now();
      await watch.stop();
      assert.ok(performance.now() - before < 100);
      const told = seen.length;
      server.podFeed.add(web);
      await pause(20);
      assert.equal(seen.length, told);
    }
    await until(() => server.podFeed.watches === 0);
  });
});

async function until(done: () => boolean): Promise<void> {
  const end = performance.now() + 5_000;
  while (!done()) {
    if (performance.now() > end) throw new Error('it did not happen within 5 s');
    await pause(2);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

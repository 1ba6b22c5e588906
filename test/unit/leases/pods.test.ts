import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { PodWatchEvent, WatchedPod } from '../../../provider/kube/pod-watch.ts';
import { createPodEnds, type PodEnds, type PodEndsDeps } from '../../../provider/leases/pods.ts';
import { TurnedClock } from '../net/turned-clock.ts';

const aPod = (uid: string, parts: Partial<WatchedPod> = {}): WatchedPod => {
  return { namespace: 'shop', name: `pod-${uid}`, uid, staticUid: undefined, ...parts };
};
const own = aPod('own', { namespace: 'keymount', name: 'keymount-x' });
const ownPod = { namespace: 'keymount', name: 'keymount-x' };
const web = aPod('web');
const db = aPod('db');

describe('the ends of pods', () => {
  let clock: TurnedClock;
  let ended: string[];
  let unable: string[];
  let ends: PodEnds;
  let tell: (event: PodWatchEvent) => void;
  let opened: string[];
  let lists: number;
  let listsAsked: number;
  let stopped: number;

  function open(parts: Partial<PodEndsDeps> = {}) {
    ends = createPodEnds({
      openWatch: (nodeName, onEvent) => {
        opened.push(nodeName);
        tell = onEvent;
        return { start: () => {}, listAgain: () => void listsAsked++, stop: async () => void stopped++ };
      },
      clock,
      nodeName: 'node-1',
      ownPod,
      onEnded: (uid, how) => void ended.push(`${uid} ${how}`),
      onUnable: (reason) => void unable.push(reason),
      ...parts,
    });
    return ends;
  }

  const beginList = () => tell({ type: 'list-begun', list: ++lists });
  const endList = (...pods: WatchedPod[]) => tell({ type: 'listed', list: lists, pods });
  function list(...pods: WatchedPod[]) {
    beginList();
    endList(...pods);
  }

  beforeEach(() => {
    clock = new TurnedClock();
    [ended, unable, opened] = [[], [], []];
    [lists, listsAsked, stopped] = [0, 0, 0];
    open().start();
  });

  describe('are proven by the watch', () => {
    it('when a known pod is deleted, or finished, which is the same event', () => {
      ends.mounted('web');
      list(own, web, db);
      tell({ type: 'gone', pod: web });
      tell({ type: 'gone', pod: db });
      assert.deepEqual(ended, ['web deleted']);
    });

    it('once', () => {
      ends.mounted('web');
      list(own, web);
      tell({ type: 'gone', pod: web });
      tell({ type: 'gone', pod: web });
      list(own);
      assert.deepEqual(ended, ['web deleted']);
      assert.equal(ends.status().ended, 1);
    });

    it('not by changes, not by its breaking or going silent', async () => {
      ends.mounted('web');
      list(own, web);
      tell({ type: 'watching' });
      tell({ type: 'present', pod: web });
      tell({ type: 'broken', forbidden: false, reason: 'connection refused' });
      tell({ type: 'broken', forbidden: true, reason: '403 Forbidden: no' });
      await clock.turn(30 * 24 * 3_600_000);
      assert.deepEqual(ended, []);
    });

    it('not when another pod of the same name goes', () => {
      ends.mounted('web');
      list(own, web);
      tell({ type: 'present', pod: aPod('web-2', { name: web.name }) });
      tell({ type: 'gone', pod: aPod('web-2', { name: web.name }) });
      assert.deepEqual(ended, []);
    });

    it('not when nothing is kept for the pod any more', () => {
      ends.mounted('web');
      list(own, web);
      ends.forget('web');
      tell({ type: 'gone', pod: web });
      assert.deepEqual(ended, []);
    });
  });

  describe('are proven by a list', () => {
    it('that was begun after the last Mount, has our own pod and not this one', () => {
      ends.mounted('web');
      ends.mounted('db');
      list(own, db);
      assert.deepEqual(ended, ['web absent']);
      assert.equal(ends.status().known, 1);
    });

    it('also for pods of the stored state, told before the start', () => {
      open();
      ends.mounted('stored');
      ends.start();
      list(own);
      assert.deepEqual(ended, ['stored absent']);
    });

    it('also when another pod has the name by now', () => {
      ends.mounted('web');
      list(own, aPod('web-2', { name: web.name }));
      assert.deepEqual(ended, ['web absent']);
    });

    it('not by one that was begun before the Mount', () => {
      beginList();
      ends.mounted('web');
      endList(own);
      assert.deepEqual(ended, []);
      list(own);
      assert.deepEqual(ended, ['web absent']);
    });

    it('not by one that was begun before the last of several Mounts', () => {
      ends.mounted('web');
      beginList();
      ends.mounted('web');
      endList(own);
      assert.deepEqual(ended, []);
    });

    it('whatever the clock does between the Mount and the list', () => {
      ends.mounted('web');
      clock.time -= 86_400_000;
      beginList();
      ends.mounted('db');
      clock.time += 10 * 86_400_000;
      endList(own);
      assert.deepEqual(ended, ['web absent']);
    });

    it('not by one that begins and never comes', () => {
      ends.mounted('web');
      beginList();
      tell({ type: 'broken', forbidden: false, reason: '410 Expired: too old' });
      assert.deepEqual(ended, []);
    });

    it('not by one whose beginning was not told', () => {
      ends.mounted('web');
      tell({ type: 'listed', list: 7, pods: [own] });
      beginList();
      tell({ type: 'listed', list: 8, pods: [own] });
      assert.deepEqual(ended, []);
    });

    it('not by an empty one, nor by one without our own pod: the name of the node may be wrong', () => {
      ends.mounted('web');
      list();
      list(db);
      list(aPod('own', { namespace: 'other', name: own.name }));
      list(aPod('own', { namespace: own.namespace, name: 'keymount-y' }));
      assert.deepEqual(ended, []);
      assert.deepEqual(unable, [
        "the pods of node node-1 do not include keymount's own pod keymount/keymount-x: no end of a pod can be proven, so the credentials of pods that are gone are not revoked, they live until their own end",
      ]);
      tell({ type: 'watching' });
      assert.equal(ends.status().state, 'watching');
      assert.match(ends.status().reason ?? '', /do not include keymount's own pod/);
    });

    it('again once our own pod is in it', () => {
      ends.mounted('web');
      list();
      list(own, db);
      assert.deepEqual(ended, ['web absent']);
      assert.equal(ends.status().reason, undefined);
    });
  });

  describe('of static pods', () => {
    const hash = '0123456789abcdef0123456789abcdef';
    const mirror = aPod('mirror-uid', { staticUid: hash });

    it('are never proven: their uid is a hash that no list can have', () => {
      ends.mounted(hash);
      list(own, mirror);
      tell({ type: 'gone', pod: mirror });
      list(own);
      assert.deepEqual(ended, []);
    });

    it('are never proven where their file gave them another uid, once their mirror was seen', () => {
      const uid = 'b7e5a1c0-0000-4000-8000-000000000001';
      ends.mounted(uid);
      list(own, aPod('mirror-uid', { staticUid: uid }));
      tell({ type: 'gone', pod: aPod('mirror-uid', { staticUid: uid }) });
      list(own);
      assert.deepEqual(ended, []);
    });

    it('do not protect a pod of the API that somebody names in the annotation of a mirror', () => {
      ends.mounted('web');
      list(own, web, aPod('evil', { staticUid: 'web' }));
      list(own, aPod('evil', { staticUid: 'web' }));
      assert.deepEqual(ended, ['web absent']);
    });

    it('do not make us list: they are never in a list', async () => {
      list(own);
      ends.mounted(hash);
      await clock.turn(3_600_000);
      assert.equal(listsAsked, 0);
    });
  });

  describe('of pods that the watch does not know at their Mount', () => {
    it('are looked for with a list of their own, for the watch may have told before', async () => {
      list(own, web);
      tell({ type: 'gone', pod: web });
      await clock.turn(60_000);
      ends.mounted('web');
      await clock.turn(9_999);
      assert.equal(listsAsked, 0);
      await clock.turn(1);
      assert.equal(listsAsked, 1);
      list(own);
      assert.deepEqual(ended, ['web absent']);
    });

    it('cost no list when the pod was only late to be seen', async () => {
      list(own);
      await clock.turn(60_000);
      ends.mounted('web');
      tell({ type: 'present', pod: web });
      await clock.turn(3_600_000);
      assert.equal(listsAsked, 0);
    });

    it('cost one list a minute at most', async () => {
      list(own);
      for (let second = 0; second < 600; second++) {
        ends.mounted(`pod-${second}`);
        const asked = listsAsked;
        await clock.turn(1_000);
        if (listsAsked > asked) list(own);
      }
      assert.ok(listsAsked >= 9 && listsAsked <= 10, String(listsAsked));
    });
  });

  describe('cannot be proven', () => {
    it('without a cluster, the name of the node, or our own pod: said once, and nobody is asked', () => {
      opened = [];
      for (const parts of [{ openWatch: undefined }, { nodeName: undefined }, { ownPod: undefined }]) {
        open(parts);
        ends.mounted('web');
        ends.start();
        ends.start();
        ends.mounted('web');
        assert.equal(ends.status().state, 'unable');
        assert.equal(ends.status().known, 0);
      }
      assert.equal(unable.length, 3);
      assert.match(unable[0] ?? '', /^keymount runs without a cluster: no end of a pod can be proven/);
      assert.match(unable[1] ?? '', /setting nodeName/);
      assert.match(unable[2] ?? '', /setting podName, POD_NAMESPACE/);
      assert.deepEqual(opened, []);
    });

    it('without permission: said once, and it goes on when the permission is given', () => {
      ends.mounted('web');
      for (let i = 0; i < 3; i++) tell({ type: 'broken', forbidden: true, reason: '403 Forbidden: pods is forbidden' });
      assert.equal(unable.length, 1);
      assert.match(
        unable[0] ?? '',
        /403 Forbidden: pods is forbidden \(keymount needs to list and watch pods\): no end/,
      );
      assert.equal(ends.status().state, 'broken');
      list(own);
      tell({ type: 'watching' });
      assert.deepEqual(ended, ['web absent']);
      assert.equal(ends.status().reason, undefined);
    });
  });

  it('are watched for from the first start on, and no more after the stop', async () => {
    assert.deepEqual(opened, ['node-1']);
    ends.start();
    assert.deepEqual(opened, ['node-1']);
    ends.mounted('web');
    list(own, web);
    await ends.stop();
    tell({ type: 'gone', pod: web });
    assert.deepEqual(ended, []);
    assert.equal(stopped, 1);
    assert.equal(ends.status().state, 'stopped');
  });

  it('have a status', () => {
    assert.equal(ends.status().state, 'starting');
    ends.mounted('web');
    list(own, web, db);
    tell({ type: 'watching' });
    assert.deepEqual(ends.status(), {
      state: 'watching',
      reason: undefined,
      lastList: { at: clock.time, pods: 3 },
      known: 1,
      ended: 0,
    });
    tell({ type: 'broken', forbidden: false, reason: 'connection refused' });
    assert.deepEqual([ends.status().state, ends.status().reason], ['broken', 'connection refused']);
    assert.equal(open().status().state, 'not started');
  });
});

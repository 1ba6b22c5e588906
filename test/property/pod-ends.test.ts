import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { PodWatchEvent, WatchedPod } from '../../provider/kube/pod-watch.ts';
import { createPodEnds } from '../../provider/leases/pods.ts';
import { systemClock } from '../../provider/util/clock.ts';

/** What can happen on a node, between the API server and us, and to us. `pod` chooses one of those that there are. */
type Step =
  | { do: 'create'; name: number; static: boolean; known: boolean }
  | { do: 'mount' | 'end' | 'change' | 'forget'; pod: number }
  | { do: 'list begins' | 'list is made' | 'list comes' | 'list fails' | 'watch breaks' | 'watch comes back' }
  | { do: 'our pod is recreated' | 'wrong node' | 'right node' | 'restart' };

const pod = fc.nat(30);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('create' as const),
      name: fc.nat(4),
      static: fc.nat(9).map((n) => n === 0),
      known: fc.boolean(),
    }),
  },
  { weight: 12, arbitrary: fc.record({ do: fc.constantFrom('mount', 'mount', 'end', 'change', 'forget'), pod }) },
  { weight: 12, arbitrary: fc.record({ do: fc.constantFrom('list begins', 'list is made', 'list comes') }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('list fails', 'watch breaks', 'watch comes back') }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('our pod is recreated', 'wrong node', 'right node', 'restart') }),
  },
);

interface ModelPod extends WatchedPod {
  alive: boolean;
  /** By which kubelet mounts it. */
  kubeletUid: string;
}

const ownPod = { namespace: 'keymount', name: 'keymount' };

/** A node as it really is, an API server that shows it, and a connection that loses things. */
class Model {
  readonly pods: ModelPod[] = [];
  readonly mounted = new Set<string>();
  readonly wrong: string[] = [];
  ended = 0;
  #own: WatchedPod = { ...ownPod, uid: 'own-0', staticUid: undefined };
  #uids = 0;
  #connected = true;
  #rightNode = true;
  #list = 0;
  #answer: WatchedPod[] | undefined;
  #open = false;
  #tell: (event: PodWatchEvent) => void = () => {};
  #ends = this.#start();

  #start() {
    const ends = createPodEnds({
      openWatch: (_node, onEvent) => {
        this.#tell = onEvent;
        return { start: () => {}, listAgain: () => {}, stop: async () => {} };
      },
      clock: { now: systemClock.now, sleep: () => new Promise(() => {}) },
      nodeName: 'node-1',
      ownPod,
      onEnded: (uid) => {
        this.ended++;
        if (this.pods.some(({ kubeletUid, alive }) => kubeletUid === uid && alive)) this.wrong.push(uid);
        this.mounted.delete(uid);
      },
      onUnable: () => {},
    });
    for (const uid of this.mounted) ends.mounted(uid);
    ends.start();
    return ends;
  }

  run(step: Step): void {
    if (step.do === 'create') this.#create(`web-${step.name}`, step.static, step.known);
    else if ('pod' in step) {
      const chosen = this.pods[step.pod % Math.max(1, this.pods.length)];
      if (chosen !== undefined) this.#toPod(step.do, chosen);
    } else if (step.do === 'our pod is recreated') this.#own = { ...this.#own, uid: `own-${++this.#uids}` };
    else if (step.do === 'wrong node' || step.do === 'right node') this.#rightNode = step.do === 'right node';
    else if (step.do === 'restart') {
      this.#open = false;
      this.#ends = this.#start();
    } else this.#connection(step.do);
  }

  #toPod(what: 'mount' | 'end' | 'change' | 'forget', chosen: ModelPod): void {
    const { kubeletUid } = chosen;
    if (what === 'forget') {
      this.mounted.delete(kubeletUid);
      this.#ends.forget(kubeletUid);
    } else if (!chosen.alive) return;
    else if (what === 'mount') {
      this.mounted.add(kubeletUid);
      this.#ends.mounted(kubeletUid);
    } else if (what === 'end') {
      // Somebody deletes the mirror of a static pod: the pod lives on, and kubelet makes another.
      if (chosen.staticUid === undefined) chosen.alive = false;
      this.#show('gone', chosen);
    } else this.#show('present', chosen);
  }

  #connection(what: string): void {
    if (what === 'watch comes back') this.#connected = true;
    else if (what === 'watch breaks') {
      this.#connected = false;
      this.#tell({ type: 'broken', forbidden: false, reason: 'cut' });
    } else if (what === 'list begins') {
      this.#open = true;
      this.#answer = undefined;
      this.#tell({ type: 'list-begun', list: ++this.#list });
    } else if (what === 'list is made') {
      if (this.#open) this.#answer ??= this.#seen();
    } else if (what === 'list comes') {
      if (this.#open && this.#answer !== undefined)
        this.#tell({ type: 'listed', list: this.#list, pods: this.#answer });
      if (this.#answer !== undefined) this.#open = false;
    } else {
      this.#open = false;
      this.#tell({ type: 'broken', forbidden: false, reason: '500' });
    }
  }

  /** Lists and the watch are of one moment at the API server; with another node's name they show none of ours. */
  #seen(): WatchedPod[] {
    if (!this.#rightNode) return [{ namespace: 'x', name: 'x', uid: 'elsewhere', staticUid: undefined }];
    return [this.#own, ...this.pods.filter(({ alive }) => alive)];
  }

  #create(name: string, isStatic: boolean, hashed: boolean): void {
    const uid = `uid-${++this.#uids}`;
    const staticUid = hashed ? String(this.#uids).padStart(32, '0') : `own-uid-${this.#uids}`;
    const made = { namespace: 'shop', name, uid, alive: true, kubeletUid: uid, staticUid: undefined };
    const created: ModelPod = isStatic ? { ...made, staticUid, kubeletUid: staticUid } : made;
    this.pods.push(created);
    // Where a static pod's own uid is no hash, only its mirror tells: kubelet makes it before the pod's volumes.
    if (isStatic && !hashed) this.#tell({ type: 'present', pod: created });
    else this.#show('present', created);
  }

  #show(type: 'present' | 'gone', pod: WatchedPod): void {
    if (this.#connected && this.#rightNode) this.#tell({ type, pod });
  }

  /** All is well in the end: who is gone is found. */
  finish(): void {
    this.#rightNode = true;
    for (const what of ['watch comes back', 'list begins', 'list is made', 'list comes']) this.#connection(what);
  }
}

describe('in any course of events', () => {
  it('no pod that is alive is ended, and in the end every other is', () => {
    let ends = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150, size: 'max' }), (steps) => {
        const model = new Model();
        for (const one of steps) model.run(one);
        assert.deepEqual(model.wrong, []);
        model.finish();
        assert.deepEqual(model.wrong, []);
        const left = model.pods.filter(({ alive, kubeletUid }) => !alive && model.mounted.has(kubeletUid));
        assert.deepEqual(left, []);
        ends += model.ended;
      }),
      { numRuns: 1500 },
    );
    assert.ok(ends > 1000, `only ${ends} ends: the property says little`);
  });
});

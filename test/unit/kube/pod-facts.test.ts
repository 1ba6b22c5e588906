import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeApi } from '../../../provider/kube/api.ts';
import { createPodFacts } from '../../../provider/kube/pod-facts.ts';
import { systemClock } from '../../../provider/util/clock.ts';
import type { JsonObject } from '../../../provider/util/json.ts';

const signal = new AbortController().signal;

/** Pod facts from an API server that answers with `object`, or not at all. */
function factsOf(object: () => JsonObject) {
  const asked: string[] = [];
  const api = {
    get: async (path: string) => {
      asked.push(path);
      return object();
    },
  } as unknown as KubeApi;
  return { asked, facts: createPodFacts({ api, nodeName: 'node-1', clock: systemClock }) };
}

describe('what only the cluster knows of a pod', () => {
  it('has a label of the node that was set after another pod logged in', async () => {
    let labels: JsonObject = {};
    const { asked, facts } = factsOf(() => ({ metadata: { labels } }));
    assert.equal((await facts.nodeLabels(signal)).size, 0);
    labels = { region: 'eu-west-1' };
    assert.equal((await facts.nodeLabels(signal)).get('region'), 'eu-west-1');
    await Promise.all([facts.nodeLabels(signal), facts.nodeLabels(signal)]);
    assert.deepEqual(asked, Array(3).fill('/api/v1/nodes/node-1'), 'logins of one moment share an answer');
  });

  it('is remembered of the node while the API server is away', async () => {
    let isAway = false;
    const { facts } = factsOf(() => {
      if (isAway) throw new Error('away');
      return { metadata: { labels: { region: 'eu-west-1' } } };
    });
    await facts.nodeLabels(signal);
    isAway = true;
    assert.equal((await facts.nodeLabels(signal)).get('region'), 'eu-west-1');
  });

  it('is remembered of a ServiceAccount for a while', async () => {
    const { asked, facts } = factsOf(() => ({ metadata: { annotations: { role: 'a' } } }));
    for (const _ of [1, 2]) assert.equal((await facts.annotations('shop', 'web', signal)).get('role'), 'a');
    assert.equal(asked.length, 1);
  });
});

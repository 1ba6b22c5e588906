import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { createRotation, type Rotation } from '../../../provider/telemetry/rotation.ts';

describe('the volumes that fail to be refreshed', () => {
  let now: number;
  let rotation: Rotation;
  beforeEach(() => {
    now = 1_000_000;
    rotation = createRotation(() => now);
  });
  const volume = (podUid: string, name = 'web') => ({ namespace: 'shop', class: name, podUid });
  const failing = () => [...rotation.failing()].map((each) => `${each.class} ${each.volumes}`);
  const minutes = (count: number) => {
    now += count * 60_000;
  };

  it('are those that were mounted once, and not those of a first Mount', () => {
    assert.equal(rotation.note(volume('a'), false).rotationFailed, false);
    assert.deepEqual(failing(), []);
    rotation.note(volume('a'), true);
    assert.equal(rotation.note(volume('a'), false).rotationFailed, true);
    assert.deepEqual(failing(), ['web 1']);
    rotation.note(volume('a'), true);
    assert.deepEqual(failing(), ['web 0']);
  });

  it('are forgotten with their pod, and with it alone', () => {
    for (const each of [volume('a'), volume('a', 'tls'), volume('b')]) {
      rotation.note(each, true);
      rotation.note(each, false);
    }
    assert.deepEqual(failing(), ['web 2', 'tls 1']);
    rotation.podEnded('a');
    assert.deepEqual(failing(), ['web 1']);
    rotation.podEnded('b');
    assert.deepEqual(failing(), []);
  });

  it('count no more when they were not asked for in 15 minutes, for kubelet asks every two at least', () => {
    rotation.note(volume('gone'), true);
    rotation.note(volume('gone'), false);
    rotation.note(volume('lives'), true);
    for (let count = 0; count < 7; count++) {
      rotation.note(volume('lives'), false);
      assert.deepEqual(failing(), ['web 2']);
      minutes(2);
    }
    minutes(1);
    assert.deepEqual(failing(), ['web 1']);
    rotation.note(volume('lives'), false);
    minutes(14);
    assert.deepEqual(failing(), ['web 1']);
    minutes(1);
    assert.deepEqual(failing(), ['web 0']);
  });

  it('that are asked for again after a long time are still known to be refreshed', () => {
    rotation.note(volume('a'), true);
    minutes(300);
    assert.equal(rotation.note(volume('a'), false).rotationFailed, true);
    minutes(20);
    assert.equal(rotation.note(volume('a'), false).rotationFailed, true);
    assert.deepEqual(failing(), ['web 1']);
  });
});

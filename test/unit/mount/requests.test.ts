import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Requests } from '../../../provider/mount/requests.ts';

const call = (attributes: string, secrets = 'null', permission = '420') => ({ attributes, secrets, permission });

describe('requests', () => {
  it('that are the same are read once', () => {
    const requests = new Requests();
    assert.equal(requests.read(call('{"a":"b"}')), requests.read(call('{"a":"b"}')));
  });

  it('that differ in anything are others', () => {
    const requests = new Requests();
    const all = [
      call('{"a":"b"}'),
      call('{"a":"b"} '),
      call('{"a":"c"}'),
      call('{"a":"b"}', '{}'),
      call('{"a":"b"}', '{"a":"b"}'),
      call('{"a":"b"}', 'null', '256'),
      call('{"csi.storage.k8s.io/pod.uid":"1"}'),
      call('{"csi.storage.k8s.io/pod.uid":"2"}'),
    ].map((one) => requests.read(one));
    assert.equal(new Set(all).size, all.length);
  });

  it('keep their parts apart', () => {
    const requests = new Requests();
    const one = requests.read(call('{}', '{"a":"b"}'));
    assert.throws(() => requests.read(call('{}{"a":"b"}', '')), { code: 'request-malformed' });
    assert.throws(() => requests.read(call('{}', '{"a":"b"}4', '20')), { code: 'request-malformed' });
    assert.equal(one.publishSecrets.size, 1);
  });

  it('are kept as far as they are small together', () => {
    const requests = new Requests();
    const large = (index: number) => call(JSON.stringify({ [`a${index}`]: 'x'.repeat(2 ** 20) }));
    const first = requests.read(large(0));
    for (let index = 1; index < 10; index++) requests.read(large(index));
    assert.equal(requests.read(large(0)), first);
    for (let index = 10; index < 30; index++) requests.read(large(index));
    assert.notEqual(requests.read(large(0)), first);
  });

  it('that are malformed are not remembered, and are refused each time', () => {
    const requests = new Requests();
    for (let i = 0; i < 2; i++) assert.throws(() => requests.read(call('{')), { code: 'request-malformed' });
  });
});

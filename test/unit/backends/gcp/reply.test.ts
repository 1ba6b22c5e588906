import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { crc32c } from '../../../../provider/backends/gcp/crc32c.ts';
import { replyToSecret } from '../../../../provider/backends/gcp/reply.ts';
import { KeymountError } from '../../../../provider/errors.ts';
import { goJson } from '../../../../provider/render/json.ts';

const name = 'projects/p/secrets/s/versions/latest';
const access = (payload: object | null, resolved = 'projects/1/secrets/s/versions/2') =>
  replyToSecret(Buffer.from(JSON.stringify({ name: resolved, payload })), 'secretmanager', name);
const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('the answer of Secret Manager', () => {
  it('is bytes with their checksum, which is checked', () => {
    const data = base64('123456789');
    // The check value of CRC-32C in RFC 3720 and in every catalogue of CRCs.
    assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
    assert.equal(Buffer.from(access({ data, dataCrc32c: '3808858755' }).bytes ?? []).toString(), '123456789');
    assert.throws(
      () => access({ data, dataCrc32c: '3808858756' }),
      (thrown) =>
        thrown instanceof KeymountError && thrown.code === 'backend-reply-invalid' && !thrown.message.includes('1234'),
    );
    // As a number, as some emulators write it, and left out.
    access({ data, dataCrc32c: 3808858755 });
    access({ data });
  });

  it('has keys where it is a JSON object, and only then', () => {
    assert.equal(goJson(access({ data: base64(' {"b":1.0,"a":"x"}') }).keys ?? null), '{"a":"x","b":1.0}');
    for (const text of ['[1]', '"x"', '{broken', '', 'a: b', '12']) {
      assert.equal(access({ data: base64(text) }).keys, undefined, text);
    }
  });

  it('names the version that was read', () => {
    assert.equal(access({ data: '' }).version, 'projects/1/secrets/s/versions/2');
    assert.equal(access({ data: '' }, '').version, name);
  });

  it('is not believed where it names another secret, or another version than the one that was asked for', () => {
    const other = (asked: string, resolved: string) => () =>
      replyToSecret(Buffer.from(JSON.stringify({ name: resolved, payload: {} })), 'secretmanager', asked);
    const isInvalid = { code: 'backend-reply-invalid' };
    assert.throws(other(name, 'projects/1/secrets/root/versions/2'), isInvalid);
    assert.throws(other('projects/p/secrets/s/versions/3', 'projects/1/secrets/s/versions/2'), isInvalid);
    assert.throws(other(name, 'nonsense'), isInvalid);
    for (const resolved of [
      'projects/1/secrets/s/versions/3',
      'projects/1/locations/europe-west3/secrets/s/versions/3',
    ])
      other('projects/p/secrets/s/versions/3', resolved)();
    other('projects/p/secrets/s/versions/prod', 'projects/1/secrets/s/versions/7')();
  });

  it('may be empty, but not of another shape', () => {
    assert.equal(access({}).bytes?.length, 0);
    for (const payload of [null, { data: 'a b' }, { data: 5 }]) assert.throws(() => access(payload), /the answer for /);
    for (const text of ['[]', 'x', '', '{}']) {
      assert.throws(() => replyToSecret(Buffer.from(text), 'secretmanager', name), /the answer for /, text);
    }
  });
});

describe('the answer of Parameter Manager', () => {
  it('is the rendered payload, under the name that was asked for', () => {
    const answer = {
      parameterVersion: 'projects/1/x',
      payload: { data: base64('raw') },
      renderedPayload: base64('done'),
    };
    const secret = replyToSecret(Buffer.from(JSON.stringify(answer)), 'parametermanager', name);
    assert.equal(Buffer.from(secret.bytes ?? []).toString(), 'done');
    assert.equal(secret.version, name);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { faultOf, tidy } from '../../../../provider/backends/aws/fault.ts';

const fault = (body: string, headers = {}, secrets: string[] = []) =>
  faultOf({ status: 400, headers, body: Buffer.from(body) }, secrets);

describe('a fault of AWS', () => {
  it('is read from JSON, however the name is written', () => {
    for (const type of [
      'AccessDeniedException',
      'com.amazonaws.secretsmanager#AccessDeniedException',
      'AccessDeniedException:http://x/',
    ]) {
      assert.deepEqual(fault(JSON.stringify({ __type: type, Message: 'no' })), {
        code: 'AccessDeniedException',
        message: 'no',
      });
    }
    assert.deepEqual(fault('{}', { 'x-amzn-errortype': 'ThrottlingException:' }), {
      code: 'ThrottlingException',
      message: '',
    });
  });

  it('is read from the XML of STS', () => {
    const xml =
      '<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>a &lt;b&gt; &amp;lt;</Message></Error></ErrorResponse>';
    assert.deepEqual(fault(xml), { code: 'AccessDenied', message: 'a <b> &lt;' });
  });

  it('is nothing where the answer is none of AWS', () => {
    for (const body of ['', 'oops', '<html><Code>', '{"a":', '[]', '{"__type":5,"message":[]}']) {
      assert.deepEqual(fault(body), { code: '', message: '' }, body);
    }
  });

  it('has no ids of requests, no line ends, and never a token, not even half of one', () => {
    assert.equal(
      tidy('[0d2c7a5e-1111-4222-8333-444455556666]: no\n\tway (Request ID: 0d2c7a5e-1111-4222-8333-444455556666)', []),
      'no way ()',
    );
    assert.equal(
      tidy('no version 0d2c7a5e-1111-4222-8333-444455556666', []),
      'no version 0d2c7a5e-1111-4222-8333-444455556666',
    );
    const token = 't'.repeat(500);
    assert.equal(tidy(`bad ${token}`, [token]), 'bad …');
    assert.ok(tidy('x'.repeat(1_000), []).length <= 401);
  });
});

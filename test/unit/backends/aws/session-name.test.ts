import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sessionName } from '../../../../provider/backends/aws/session-name.ts';

const identity = (namespace: string, serviceAccount: string, pod: string) => ({
  namespace,
  serviceAccount,
  pod,
  serviceAccountUid: undefined,
  podUid: 'u',
  proven: true,
});

describe('the name of a role session', () => {
  it('says who asks', () => {
    assert.equal(sessionName(identity('shop', 'web', 'web-1'), false), 'shop.web.web-1');
    assert.equal(sessionName(identity('shop', 'web', 'web-1'), true), 'shop.web');
  });

  it('is one that STS takes, whatever the names', () => {
    const long = 'x'.repeat(200);
    for (const [namespace, account, pod] of [
      ['n'.repeat(63), long, `${long}-x2k4j`],
      ['a', 'b', `${long}.y`],
      ['', '', ''],
      ['ü', 'b:c', 'd/e'],
    ] as const) {
      for (const isShared of [true, false])
        assert.match(sessionName(identity(namespace, account, pod), isShared), /^[\w+=,.@-]{2,64}$/);
    }
    assert.ok(sessionName(identity('n'.repeat(63), long, `${long}-x2k4j`), false).endsWith('-x2k4j'));
  });
});

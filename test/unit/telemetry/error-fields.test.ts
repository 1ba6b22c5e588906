import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeThrown, ownFrames } from '../../../provider/telemetry/error-fields.ts';

function withStack(message: string, ...frames: string[]): Error {
  const error = new Error(message);
  error.stack = [`Error: ${message}`, ...frames.map((frame) => `    at ${frame}`)].join('\n');
  return error;
}

describe('the frames of an error', () => {
  it('are those of our own files, from provider/ on', () => {
    const error = withStack(
      'x',
      'readKey (file:///srv/app/provider/kube/api.ts:12:3)',
      'async Object.mount [as run] (file:///srv/app/provider/mount/mount.ts:40:11)',
      'new Reader (/srv/app/provider/plan/yaml.ts:1:1)',
      'file:///srv/app/provider/main.ts:5:7',
      'async file:///srv/app/provider/main.ts:6:7',
      'Server.emit (node:events:519:28)',
      'handler (/srv/app/node_modules/@grpc/grpc-js/build/src/server.js:1:2)',
      'Promise.all (index 0)',
      'serve (/app/keymount.cjs:1000:20)',
    );
    assert.deepEqual(ownFrames(error), [
      'provider/kube/api.ts:12:3 readKey',
      'provider/mount/mount.ts:40:11 Object.mount',
      'provider/plan/yaml.ts:1:1 Reader',
      'provider/main.ts:5:7',
      'provider/main.ts:6:7',
      'keymount.cjs:1000:20 serve',
    ]);
  });

  it('are none of the lines of its message', () => {
    const message = 'bad\n    at secret (/x/provider/secret.ts:1:1)\nend';
    assert.deepEqual(ownFrames(withStack(message, 'f (/x/provider/a.ts:2:2)')), ['provider/a.ts:2:2 f']);
  });

  it('are at most twelve, and none without a stack', () => {
    assert.equal(ownFrames(withStack('', ...Array(50).fill('f (/x/provider/a.ts:2:2)'))).length, 12);
    assert.deepEqual(ownFrames(Object.assign(new Error('x'), { stack: undefined })), []);
  });
});

describe('what was thrown', () => {
  const described: readonly [unknown, string][] = [
    [new RangeError('secret'), 'RangeError'],
    [Object.assign(new Error('x'), { code: 'ENOENT' }), 'Error ENOENT'],
    [Object.assign(new Error('x'), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' }), 'Error ERR_TLS_CERT_ALTNAME_INVALID'],
    [
      Object.assign(new Error('x'), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' }),
      'Error UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    ],
    [Object.assign(new Error('x'), { code: 'hvs.secret' }), 'Error'],
    [Object.assign(new Error('x'), { code: 'SECRET' }), 'Error'],
    [Object.assign(new Error('x'), { name: 'secret' }), 'Error'],
    ['secret', 'string'],
    [{ secret: 1 }, 'object'],
    [null, 'null'],
    [undefined, 'undefined'],
  ];
  for (const [thrown, text] of described) it(`is ${text}`, () => assert.equal(describeThrown(thrown), text));
});

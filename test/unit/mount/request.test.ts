import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { formatError, KeymountError } from '../../../provider/errors.ts';
import { type MountCall, readRequest } from '../../../provider/mount/request.ts';
import { driverRequest } from '../../lab/driver-attributes.ts';
import { aPod } from '../../lab/pod.ts';

const prefix = 'csi.storage.k8s.io/';
const call = (parts: Partial<MountCall> = {}): MountCall => ({
  attributes: '{}',
  secrets: 'null',
  permission: '420',
  ...parts,
});

function refusal(parts: Partial<MountCall>): KeymountError {
  try {
    readRequest(call(parts));
  } catch (error) {
    assert.ok(error instanceof KeymountError, `${error} was thrown`);
    assert.equal(error.code, 'request-malformed');
    return error;
  }
  return assert.fail('it was read');
}

describe('a Mount request', () => {
  const pod = aPod();
  const tokens = {
    vault: { token: 'jwt-1', expirationTimestamp: '2026-01-02T03:04:05Z' },
    '': { token: 'jwt-2', expirationTimestamp: '' },
  };
  const publish = { parameters: { roleName: 'web', objects: '- a' }, pod, className: 'db', tokens };

  it('of the driver gives pod, class, parameters, tokens and permission', () => {
    const request = readRequest(call(driverRequest(publish)));
    assert.deepEqual(request.pod, {
      namespace: pod.namespace,
      name: pod.name,
      uid: pod.uid,
      serviceAccount: pod.serviceAccount,
    });
    assert.equal(request.className, 'db');
    assert.deepEqual(Object.fromEntries(request.parameters), { roleName: 'web', objects: '- a' });
    assert.deepEqual(
      [...request.tokens].map(([audience, token]) => [audience, token.reveal()]),
      [
        ['', 'jwt-2'],
        ['vault', 'jwt-1'],
      ],
    );
    assert.equal(request.publishSecrets.size, 0);
    assert.equal(request.permission, 0o644);
  });

  it('takes the Secret of nodePublishSecretRef, without the tokens that Kubernetes 1.35 puts into it', () => {
    const request = readRequest(
      call(driverRequest({ ...publish, tokensInSecrets: true, nodePublishSecret: { role_id: 'r', secret_id: 's' } })),
    );
    assert.deepEqual(
      [...request.publishSecrets].map(([name, value]) => [name, value.reveal()]),
      [
        ['role_id', 'r'],
        ['secret_id', 's'],
      ],
    );
    assert.equal(request.tokens.get('vault')?.reveal(), 'jwt-1');
  });

  it('has equal keys for all pods of a class, whatever their tokens', () => {
    const one = readRequest(call(driverRequest(publish)));
    const other = readRequest(
      call(
        driverRequest({
          ...publish,
          pod: aPod({ namespace: 'x' }),
          tokens: { vault: { token: 'y', expirationTimestamp: '' } },
        }),
      ),
    );
    assert.equal(one.parametersKey, other.parametersKey);
  });

  it('has another key when a parameter differs, also by volumeAttributes of the pod', () => {
    const key = (parameters: Record<string, string>) =>
      readRequest(call({ attributes: JSON.stringify(parameters) })).parametersKey;
    const keys = [
      { a: 'b' },
      { a: 'c' },
      { a: '' },
      { ab: '' },
      { a: 'b', c: 'd' },
      { a: 'b","c":"d' },
      { 'a","b': 'c' },
      {},
    ].map(key);
    assert.equal(new Set(keys).size, keys.length);
    assert.equal(key({ a: '1', b: '2' }), key({ b: '2', a: '1' }));
  });

  it('prints none of its secrets', () => {
    const request = readRequest(call(driverRequest({ ...publish, nodePublishSecret: { k: 'canary-secret' } })));
    const printed =
      JSON.stringify([...request.tokens, ...request.publishSecrets]) + inspect(request, { depth: 9, showHidden: true });
    assert.doesNotMatch(printed, /jwt-1|jwt-2|canary-secret/);
  });

  it('takes parameters with the names of what every JavaScript object has', () => {
    const attributes = `{"__proto__":"a","constructor":"b","${prefix}pod.name":"p","toString":"c"}`;
    const request = readRequest(call({ attributes }));
    assert.deepEqual(
      [...request.parameters],
      [
        ['__proto__', 'a'],
        ['constructor', 'b'],
        ['toString', 'c'],
      ],
    );
    assert.equal(request.pod.name, 'p');
    assert.equal(request.pod.namespace, '');
  });

  it('takes tokens with such names for audiences, and none that only the prototype has', () => {
    const read = (text: string) =>
      readRequest(call({ attributes: JSON.stringify({ [`${prefix}serviceAccount.tokens`]: text }) })).tokens;
    assert.equal(read('{"__proto__":{"token":"x"}}').get('__proto__')?.reveal(), 'x');
    assert.equal(read('{"constructor":{"token":"x"}}').get('toString'), undefined);
    for (const none of ['', 'null', '{}']) assert.equal(read(none).size, 0);
  });

  it('may lack attributes, secrets and permission', () => {
    const request = readRequest({ attributes: 'null', secrets: '', permission: '' });
    assert.equal(request.parameters.size, 0);
    assert.equal(request.className, '');
    assert.equal(request.permission, 0o644);
  });

  for (const [text, mode] of [
    ['420', 0o644],
    ['0', 0],
    ['511', 0o777],
    ['256', 0o400],
  ] as const) {
    it(`with the permission ${text} means 0${mode.toString(8)}`, () => {
      assert.equal(readRequest(call({ permission: text })).permission, mode);
    });
  }
});

describe('a malformed Mount request', () => {
  const canary = 'canary-0c5a';
  const tokenAttribute = (text: string) => ({
    attributes: JSON.stringify({ [`${prefix}serviceAccount.tokens`]: text }),
  });
  const wrong: [string, Partial<MountCall>][] = [
    ['no JSON in its attributes', { attributes: canary }],
    ['nothing in its attributes', { attributes: '' }],
    ['half an object', { attributes: `{"a": "${canary}"` }],
    ['an array', { attributes: `["${canary}"]` }],
    ['a text', { attributes: `"${canary}"` }],
    ['a number', { attributes: '7' }],
    ['a number for a parameter', { attributes: `{"${canary}": 7}` }],
    ['an object for a parameter', { attributes: `{"${canary}": {"a": "${canary}"}}` }],
    ['null for a parameter', { attributes: `{"${canary}": null}` }],
    ['no JSON in its secrets', { secrets: canary }],
    ['an array for secrets', { secrets: `["${canary}"]` }],
    ['a number in its secrets', { secrets: `{"${canary}": 5}` }],
    ['no JSON in its tokens', tokenAttribute(canary)],
    ['an array of tokens', tokenAttribute(`["${canary}"]`)],
    ['a text for a token', tokenAttribute(`{"vault": "${canary}"}`)],
    ['a token without a token', tokenAttribute(`{"vault": {"expirationTimestamp": "${canary}"}}`)],
    ['an empty token', tokenAttribute('{"vault": {"token": ""}}')],
    ['a number for a token', tokenAttribute('{"vault": {"token": 7}}')],
    ['null for a token', tokenAttribute('{"vault": null}')],
    ['a permission of letters', { permission: canary }],
    ['an octal permission', { permission: '0o644' }],
    ['a negative permission', { permission: '-1' }],
    ['a permission above 0777', { permission: '512' }],
    ['a fraction for a permission', { permission: '420.5' }],
    ['a permission with spaces', { permission: ' 420' }],
    ['a permission of many digits', { permission: '0000000420' }],
    ['null for a permission', { permission: 'null' }],
    ['a quoted permission', { permission: '"420"' }],
  ];
  for (const [what, parts] of wrong) {
    it(`has ${what}; the error names it and repeats nothing of it`, () => {
      const error = refusal(parts);
      const text = formatError(error) + inspect(error, { depth: 9, showHidden: true });
      assert.ok(!text.includes(canary));
      assert.equal(error.cause, undefined);
      assert.equal(error.status, 'INVALID_ARGUMENT');
    });
  }
});

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createVaultBackend } from '../../../../provider/backends/vault/index.ts';
import { formatError } from '../../../../provider/errors.ts';
import { goStruct } from '../../../../provider/render/json.ts';
import { errorOf, sourceOf } from '../../../backends/contract.ts';
import { type Answer, type FakeVault, fakeLogin, fakeToken, quickDeps, startFakeVault } from './fake-vault.ts';

const never = new AbortController().signal;
const canary = 'canary-value-93157';

describe('an odd answer of Vault', () => {
  let vault: FakeVault;

  before(async () => {
    vault = await startFakeVault();
  });
  after(() => vault.close());

  async function read(answer: Answer, address = '/v1/s/a') {
    vault.answer = ({ url }) => (url.endsWith('/login') ? undefined : url.includes('/sys/') ? { status: 404 } : answer);
    const backend = createVaultBackend('vault');
    const connection = backend.connectionSchema.parse({ address: vault.address });
    const session = await backend.connect(connection, fakeLogin(), quickDeps, never);
    return (await Promise.allSettled(session.read([backend.parseRef(sourceOf(address))], never)))[0];
  }
  const secret = async (answer: Answer) => {
    const result = await read(answer);
    return result?.status === 'fulfilled' ? result.value : assert.fail(formatError(result?.reason));
  };
  const failing = async (answer: Answer, address?: string) => {
    const text = formatError(errorOf(await read(answer, address)));
    assert.ok(!text.includes(canary), text);
    assert.ok(!text.includes(fakeToken), text);
    return text;
  };

  it('with status 200 is an error that shows nothing of it', async () => {
    for (const [answer, text] of [
      [{ status: 204 }, /the answer for s\/a is empty/],
      [{ body: '' }, /is empty/],
      [{ body: `{"data": {"k": "${canary}` }, /is not a JSON object/],
      [{ body: `["${canary}"]` }, /is not a JSON object/],
      [{ body: '5' }, /is not a JSON object/],
      [{ body: 'null' }, /is not a JSON object/],
      [{ body: {} }, /has no data/],
      [{ body: { request_id: 'x', data: null } }, /has no data/],
      [{ body: { data: [canary] } }, /has an odd data/],
      [{ body: { data: {}, lease_id: [canary] } }, /has an odd lease_id/],
      [{ body: { data: {}, lease_duration: canary } }, /has an odd lease_duration/],
      [{ body: { data: {}, warnings: canary } }, /has an odd warnings/],
      [{ body: { errors: [canary] } }, /has no data/],
      [{ body: { auth: { client_token: canary } } }, /is a login, not a secret/],
      [{ body: { wrap_info: { token: canary } } }, /is wrapped/],
      [{ body: `<html>${canary}</html>`, headers: { 'content-type': 'text/html' } }, /is a web page/],
      [{ body: `${'['.repeat(300)}"${canary}"${']'.repeat(300)}` }, /is not a JSON object/],
    ] as const) {
      assert.match(await failing(answer), text);
      assert.match(await failing(answer), /\[backend-reply-invalid\]$/);
    }
  });

  it('with another status of success is as good as one with 200, as for the Go client', async () => {
    for (const status of [201, 202, 206]) {
      assert.deepEqual((await secret({ status, body: { data: { k: 'v' } } })).keys, { k: 'v' });
    }
    assert.match(await failing({ status: 202, body: '' }), /is empty.*\[backend-reply-invalid\]$/);
  });

  it('that is no JSON and says so is bytes', async () => {
    const pem = '-----BEGIN CERTIFICATE-----\nMIIB\n';
    const { bytes, keys } = await secret({
      body: pem,
      headers: { 'content-type': 'application/pem-certificate-chain' },
    });
    assert.deepEqual([Buffer.from(bytes ?? []).toString(), keys], [pem, undefined]);
  });

  it('without the usual envelope is taken as the data', async () => {
    assert.deepEqual((await secret({ body: { keys: ['a'] } })).keys, { keys: ['a'] });
  });

  it('gives the keys by the rule of the Go providers, and those that they lose', async () => {
    const keysOf = async (data: unknown) => Object.keys((await secret({ body: { data } })).keys ?? {}).sort();
    assert.deepEqual(await keysOf({ a: 1, data: { b: 1 }, metadata: { version: 1 } }), ['b']);
    assert.deepEqual(await keysOf({ a: 1, data: { b: 1 } }), ['a', 'b', 'data']);
    assert.deepEqual(await keysOf({ a: 1, data: 'x', metadata: { version: 1 } }), ['a', 'data', 'metadata']);
    assert.deepEqual(await keysOf({ data: { b: 1 }, metadata: { version: 'one' } }), ['b', 'data', 'metadata']);
  });

  it('is written as Go writes it, without its request id', async () => {
    const body =
      '{"request_id":"0123","lease_id":"l/1","renewable":true,"lease_duration":60,"data":{"b":1.0,"a":"<"},"wrap_info":null,"warnings":["w"],"auth":null,"mount_type":"kv"}';
    const { reply, lease } = await secret({ body });
    assert.equal(
      goStruct(reply ?? {}),
      '{"request_id":"","lease_id":"l/1","lease_duration":60,"renewable":true,"data":{"a":"\\u003c","b":1.0},"warnings":["w"],"mount_type":"kv"}',
    );
    assert.deepEqual(lease, { id: 'l/1', duration: 60, renewable: true });
    const bare = await secret({ body: { data: {} } });
    assert.equal(
      goStruct(bare.reply ?? {}),
      '{"request_id":"","lease_id":"","lease_duration":0,"renewable":false,"data":{},"warnings":null}',
    );
    assert.equal(bare.lease, undefined);
  });

  it('with an error status gives the reason of the server, and nothing that it might echo', async () => {
    const jwt = 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJ3ZWIifQ.c2ln';
    assert.equal(
      await failing({
        status: 400,
        body: { errors: [`2 errors occurred:\n\t* bad ${fakeToken}\n\t* worse ${jwt}\n\n`, 'and'] },
      }),
      'reading s/a as role "web" was rejected: 400 bad [secret]; worse [secret]; and [backend-rejected]',
    );
    for (const body of [
      canary,
      `<html>${canary}`,
      { errors: { message: canary } },
      { error: canary },
      { errors: [{ x: canary }] },
      '',
    ]) {
      assert.equal(
        await failing({ status: 400, body }),
        'reading s/a as role "web" was rejected: 400 Bad Request [backend-rejected]',
      );
    }
    assert.ok((await failing({ status: 400, body: { errors: ['x'.repeat(5000)] } })).length < 500);
    assert.ok(!/[\r\n]/.test(await failing({ status: 400, body: { errors: ['a\r\nb\u2028c'] } })));
  });

  it('has the code of what happened', async () => {
    for (const [status, errors, text] of [
      [
        403,
        ['1 error occurred:\n\t* permission denied\n\n'],
        /^reading s\/a as role "web" was refused: 403 permission denied; a policy of role "web" needs: path "s\/a" \{ capabilities = \["read"\] \} \[secret-denied\]$/,
      ],
      [404, [], /^there is nothing at s\/a: 404 Not Found \[secret-missing\]$/],
      [
        405,
        ['unsupported operation'],
        /is not possible: 405 unsupported operation; this path may want the method PUT \[backend-rejected\]$/,
      ],
      [412, ['required index state not present'], /\[backend-rejected\]$/],
      [429, ['slow down'], /asks for fewer requests.*429 slow down \[backend-throttled\]$/],
      [473, [], /\[backend-unreachable\]$/],
      [500, ['internal error'], /failed, reading s\/a.*500 internal error \[backend-unreachable\]$/],
      [501, ['not implemented'], /\[backend-rejected\]$/],
      [502, [], /502 Bad Gateway \[backend-unreachable\]$/],
      [503, ['Vault is sealed'], /is sealed, reading s\/a.*its operator has to unseal it \[backend-sealed\]$/],
      [418, [], /\[backend-rejected\]$/],
    ] as const) {
      assert.match(await failing({ status, body: { errors } }), text);
    }
    const plain = {
      status: 400,
      body: 'Client sent an HTTP request to an HTTPS server.\n',
      headers: { 'content-type': 'text/plain' },
    };
    assert.match(await failing(plain), /its address begins with https:\/\//);
    assert.match(
      await failing({ status: 404, body: '404 page not found' }),
      /does not look like an answer of Vault.*\[secret-missing\]/,
    );
  });

  it('tells what a KV version 2 path lacks even where the server does not say what is mounted', async () => {
    const warnings = [
      'Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use.',
    ];
    const answer = { status: 404, body: { data: null, warnings } };
    assert.match(
      await failing(answer, '/v1/secret/app/x'),
      /did you mean secret\/data\/app\/x\? secret\/ is KV version 2 \[secret-missing\]$/,
    );
  });
});
